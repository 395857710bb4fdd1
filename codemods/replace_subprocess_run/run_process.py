async def run_process(
    args,
    *,
    input=None,
    capture_output=False,
    timeout=None,
    check=False,
    shell=False,
    text=None,
    universal_newlines=None,
    encoding=None,
    errors=None,
    **options,
):
    """Like subprocess.run, without stopping the event loop; a cancelled task kills the process."""
    if input is not None:
        options["stdin"] = subprocess.PIPE
    if capture_output:
        options["stdout"] = options["stderr"] = subprocess.PIPE
    if shell:
        process = await asyncio.create_subprocess_shell(args, **options)
    elif isinstance(args, (str, bytes)) or hasattr(args, "__fspath__"):
        process = await asyncio.create_subprocess_exec(args, **options)
    else:
        process = await asyncio.create_subprocess_exec(*args, **options)
    is_text = text or universal_newlines or encoding or errors
    encoding = encoding or locale.getpreferredencoding(False)
    errors = errors or "strict"

    async def feed():
        data = input.encode(encoding, errors) if is_text else memoryview(input)
        try:
            process.stdin.write(data)
            await process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass
        process.stdin.close()

    async def read(stream, chunks):
        while chunk := await stream.read(65536):
            chunks.append(chunk)

    out, err = [], []
    work = [process.wait()]
    if input is not None:
        work.append(feed())
    if process.stdout is not None:
        work.append(read(process.stdout, out))
    if process.stderr is not None:
        work.append(read(process.stderr, err))
    try:
        await asyncio.wait_for(asyncio.gather(*work), timeout)
    except BaseException as error:
        # Kills it, and closes the pipes, which its children may still hold.
        process._transport.close()
        await process.wait()
        if not isinstance(error, asyncio.TimeoutError):
            raise
        stdout, stderr = b"".join(out) or None, b"".join(err) or None
        raise subprocess.TimeoutExpired(args, timeout, stdout, stderr) from None

    def answer(stream, chunks):
        if stream is None:
            return None
        data = b"".join(chunks)
        if not is_text:
            return data
        return data.decode(encoding, errors).replace("\r\n", "\n").replace("\r", "\n")

    stdout, stderr = answer(process.stdout, out), answer(process.stderr, err)
    done = subprocess.CompletedProcess(args, process.returncode, stdout, stderr)
    if check:
        done.check_returncode()
    return done
