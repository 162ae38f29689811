"""What an authenticator may write in CBOR, looked at before anything is made of it.

Tags let a few hundred bytes stand for more than any time and memory hold: values that are shared, and then copied
or hashed at each place where they stand.
"""

#: Bytes of the number behind the first byte, by that byte's lower five bits.
SIZES = {24: 1, 25: 2, 26: 4, 27: 8}
#: Where the authenticator data have their flags, and where what the flags announce begins.
FLAGS, HEAD = 32, 37
#: The flag of attested data, and the bytes of these before the length of the id.
ATTESTED, AAGUID = 0x40, 16


def ensure_plain(data: bytes, at: int = 0, *, shortest: bool = False) -> int:
    """Where the item that begins at a place ends. Raises ValueError, IndexError for tags and open lengths.

    With `shortest`, also for one that would be written anew at another length: CTAP2 forbids such ones.
    """
    wanted = 1
    while wanted:
        kind, low = data[at] >> 5, data[at] & 31
        size = SIZES.get(low, 0)
        number = int.from_bytes(data[at + 1 : at + 1 + size], "big") if size else low
        least = 24 if size == 1 else 1 << 4 * size
        if kind == 6 or low > 27 or (shortest and size and (kind == 7 or number < least)):
            raise ValueError("CBOR that no authenticator writes")
        at += 1 + size + (number if kind in (2, 3) else 0)
        wanted += {4: number, 5: 2 * number}.get(kind, 0) - 1
    return at


def ensure_plain_data(data: bytes) -> None:
    """Raise ValueError, IndexError for authenticator data (WebAuthn section 6.1) with other CBOR than CTAP2 allows."""
    at = HEAD
    if data[FLAGS] & ATTESTED:
        at += AAGUID
        at += 2 + int.from_bytes(data[at : at + 2], "big")
    while at < len(data):
        at = ensure_plain(data, at, shortest=True)
