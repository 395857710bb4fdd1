# codemods: replace_sync_driver
# level: unsafe
"""A server that speaks as much of MongoDB's protocol as is asked for, and a client of pymongo."""

import socketserver
import struct
import threading

import bson
from pymongo import MongoClient
from pymongo.errors import OperationFailure

STORED = {}


def answer(command):
    name = next(iter(command))
    documents = STORED.setdefault(command.get(name), []) if isinstance(command[name], str) else []
    if name in ("hello", "isMaster", "ismaster"):
        return {"isWritablePrimary": True, "helloOk": True, "maxWireVersion": 21, "minWireVersion": 0}
    print(name, command.get("filter", ""), flush=True)
    if name == "insert":
        documents.extend(command["documents"])
        return {"n": len(command["documents"])}
    if name == "find":
        found = [document for document in documents if command["filter"].items() <= document.items()]
        found = found[: command.get("limit") or None]
        return {"cursor": {"id": 0, "ns": "shop." + command[name], "firstBatch": found}}
    if name == "aggregate":
        return {"cursor": {"id": 0, "ns": "shop." + command[name], "firstBatch": [{"n": len(documents)}]}}
    if name == "update":
        change = command["updates"][0]
        for document in documents:
            if change["q"].items() <= document.items():
                document.update(change["u"]["$set"])
        return {"n": 1, "nModified": 1}
    if name in ("ping", "endSessions"):
        return {}
    return {"ok": 0, "errmsg": "no such command: " + name, "code": 59}


def first_document(data):
    (size,) = struct.unpack_from("<i", data)
    return bson.decode(data[:size]), data[size:]


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while len(header := self.rfile.read(16)) == 16:
            length, request, _, code = struct.unpack("<iiii", header)
            body = self.rfile.read(length - 16)
            if code == 2004:
                command, _ = first_document(body[body.index(b"\0", 4) + 9 :])
                reply = bson.encode({"ok": 1, **answer(command)})
                payload = struct.pack("<iqii", 8, 0, 0, 1) + reply
                self.wfile.write(struct.pack("<iiii", len(payload) + 16, 0, request, 1) + payload)
                continue
            command, rest = first_document(body[5:])
            if rest:
                end = rest.index(b"\0", 5)
                command[rest[5:end].decode()] = bson.decode_all(rest[end + 1 :])
            payload = struct.pack("<iB", 0, 0) + bson.encode({"ok": 1, **answer(command)})
            self.wfile.write(struct.pack("<iiii", len(payload) + 16, 0, request, 2013) + payload)


async def fill(client):
    users = client["shop"]["users"]
    done = users.insert_one({"_id": 1, "name": "ann", "city": "Ghent"})
    users.insert_many([{"_id": 2, "name": "bob", "city": "Oslo"}, {"_id": 3, "name": "cid", "city": "Ghent"}])
    return done.inserted_id


async def ask(client):
    database = client.shop
    users = database.users
    names = [user["name"] for user in users.find({"city": "Ghent"}).limit(2)]
    first = users.find_one({"name": "bob"})["_id"]
    everybody = list(users.find())
    count = list(users.aggregate([{"$count": "n"}]))[0]["n"]
    shown = sorted(users.find({"city": "Ghent"}), key=lambda user: -user["_id"])
    changed = users.update_one({"_id": 2}, {"$set": {"city": "Rome"}}).modified_count
    cities = set()
    for user in users.find():
        cities.add(user["city"])
    try:
        database.command("unknown")
    except OperationFailure as error:
        return names, first, len(everybody), count, shown, changed, sorted(cities), error.code


async def main():
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host, port = server.server_address
    client = MongoClient(host, port, directConnection=True, serverMonitoringMode="poll")
    try:
        identity = await fill(client)
        client.admin.command("ping")
        answers = await ask(client)
    finally:
        client.close()
        server.shutdown()
        server.server_close()
    return identity, answers
