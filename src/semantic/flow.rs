//! Exception regions and visibility of names after a failure.
