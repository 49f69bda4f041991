"""Chunks: found in packs, proven by their ids."""
import hmac
from collections import OrderedDict

from .fields import Fields
from .programs import decompressed, unseal
from .refused import Refused

CHUNK_MAX_BYTES = 16777216
KEPT_PACKS = 4  # how many decrypted packs stay in memory, so that those of a small pod are decrypted once


class Chunks:
    """Finds chunks in packs, and reads each pack's chunks together."""

    def __init__(self, repository, secrets, pack_names):
        self.repository, self.secrets = repository, secrets
        self.unopened = list(reversed(pack_names))
        self.found = {}  # id -> (pack, offset, stored length, plain length, codec)
        self.failures = []  # packs that could not be read; whatever needs them fails with their names
        self.kept = OrderedDict()

    def open(self, name):
        """The plaintext of a pack."""
        if name not in self.kept:
            place = f'packs/{name[:2]}/{name}.age'
            plain = unseal(self.repository.object(place, name), self.secrets['identity'], place)
            if plain is None:
                raise Refused(f'{place} is not sealed to this pod')
            self.kept[name] = plain
            if len(self.kept) > KEPT_PACKS:
                self.kept.popitem(last=False)
        return self.kept[name]

    def read_index(self, name):
        place = f'packs/{name[:2]}/{name}.age'
        plain = self.open(name)
        header = Fields(plain[:5], place)
        header.magic(b'DPK1')
        footer = Fields(plain[-8:], f'the footer of {place}')
        length, magic = footer.number('I'), footer.take(4)
        start = len(plain) - 8 - length
        if magic != b'DPKE' or start < 5:
            raise footer.damaged('it cannot be')
        index, at = Fields(plain[start:-8], f'the index of {place}'), 5
        entries = {}
        for _ in range(index.number('I')):
            chunk_id = index.take(32)
            offset, stored, length, codec = (index.number(form) for form in 'IIIB')
            if offset != at or codec > 1 or length > CHUNK_MAX_BYTES or (codec == 0 and stored != length):
                raise index.damaged('an entry cannot be')
            entries[chunk_id], at = (name, offset, stored, length, codec), at + stored
        index.end()
        if at != start:
            raise index.damaged('the chunks do not end where it begins')
        return entries

    def locate(self, ids):
        """Opens packs, the newest first, until the place of every id is known."""
        wanted = [chunk_id for chunk_id in ids if chunk_id not in self.found]
        while wanted and self.unopened:
            try:
                for chunk_id, place in self.read_index(self.unopened.pop()).items():
                    self.found.setdefault(chunk_id, place)
            except Refused as failure:
                self.failures.append(str(failure))
            wanted = [chunk_id for chunk_id in wanted if chunk_id not in self.found]
        if wanted:
            raise Refused('; '.join(self.failures + [f'no pack holds the chunk {wanted[0].hex()} ({len(wanted)} are lacking)']))

    def plain_length(self, chunk_id):
        return self.found[chunk_id][3]

    def read(self, ids):
        """Yields each located chunk once as (id, bytes), in the order in which they lie."""
        by_pack = {}
        for chunk_id in dict.fromkeys(ids):
            by_pack.setdefault(self.found[chunk_id][0], []).append((self.found[chunk_id], chunk_id))
        for name, places in by_pack.items():
            plain, what = self.open(name), f'packs/{name[:2]}/{name}.age'
            places.sort()
            packed = [place for place, _ in places if place[4] == 1]
            frames = [plain[offset : offset + stored] for _, offset, stored, _, _ in packed]
            unpacked = decompressed(frames, [place[3] for place in packed], what)
            for (_, offset, stored, _, codec), chunk_id in places:
                data = next(unpacked) if codec == 1 else plain[offset : offset + stored]
                if hmac.digest(self.secrets['chunkIdKey'], data, 'sha256') != chunk_id:
                    raise Refused(f'the chunk {chunk_id.hex()} in {what} is damaged: its bytes do not give its id')
                yield chunk_id, data
            unpacked.close()
