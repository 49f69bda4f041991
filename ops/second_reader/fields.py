"""One structure of the format, read from its first byte to its last."""
import hmac
import json
import os
import struct

from .refused import FAILED, Refused

NUMBER_MAX = 2**53 - 1


class Fields:
    """Reads one structure from its first byte to its last; `what` names it in errors."""

    def __init__(self, data, what):
        self.data, self.at, self.what = data, 0, what

    def damaged(self, why):
        return Refused(f'{self.what} is damaged at byte {self.at}: {why}')

    def take(self, length):
        if length > len(self.data) - self.at:
            raise self.damaged(f'{length} bytes expected, {len(self.data) - self.at} are left')
        self.at += length
        return bytes(self.data[self.at - length : self.at])

    def number(self, form):
        value = struct.unpack('<' + form, self.take(struct.calcsize('<' + form)))[0]
        if form == 'Q' and value > NUMBER_MAX:
            raise self.damaged(f'{value} is more than 2^53 - 1')
        return value

    def varint(self):
        value = 0
        for shift in range(0, 56, 7):
            byte = self.number('B')
            value |= (byte & 127) << shift
            if byte < 128:
                if byte == 0 and shift > 0:
                    raise self.damaged('a varint is longer than needed')
                if value > NUMBER_MAX:
                    raise self.damaged(f'{value} is more than 2^53 - 1')
                return value
        raise self.damaged('a varint has more than 8 bytes')

    def prefixed(self):
        return self.take(self.varint())

    def magic(self, magic, known=(1,)):
        if self.take(len(magic)) != magic:
            raise self.damaged(f'it does not begin with {magic.decode()}')
        return self.version(known)

    def version(self, known=(1,)):
        version = self.number('B')
        if version not in known:
            raise Refused(f'{self.what} has version {version}, which this reader does not know', FAILED)
        return version

    def end(self):
        if self.at != len(self.data):
            raise self.damaged(f'{len(self.data) - self.at} bytes are left over')


def proven(data, log_key, what):
    """The fields of a structure that ends with the MAC of all before it."""
    body, mac = data[:-32], data[-32:]
    if not hmac.compare_digest(hmac.digest(log_key, body, 'sha256'), mac):
        raise Refused(f'{what} is damaged: its MAC is wrong')
    return Fields(body, what)


def read_json(data, what):
    try:
        value = json.loads(data.decode('utf-8'))
    except (ValueError, RecursionError) as error:
        raise Refused(f'{what} is damaged: no JSON: {error}') from error
    if not isinstance(value, dict):
        raise Refused(f'{what} is damaged: no JSON object')
    return value


def shown(raw):
    """Bytes for people: what is no UTF-8, or a terminal could take for a command, is escaped."""
    text = raw.decode('utf-8', 'surrogateescape')
    return ''.join(c if c.isprintable() else repr(os.fsencode(c))[2:-1] for c in text)
