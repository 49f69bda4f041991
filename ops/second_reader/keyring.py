"""Head and keyring: from a key of the user's to the secrets of the pod."""
import base64
import re

from .fields import Fields, proven, read_json
from .programs import unseal, unseal_with_passphrase
from .refused import FAILED, NOT_FOUND, WRONG_KEY, Refused

SLOTS_MAX = 32  # each passphrase slot takes a second to try
# by the version of the keyring: passphrase, recovery key, passkey, home
SLOT_KINDS = {1: (1, 2), 2: (1, 2, 3), 3: (1, 2, 3, 4)}


def read_head(data):
    """The fields of a head; they are unproven until its MAC is checked."""
    fields = Fields(data, 'head')
    fields.magic(b'DPH1')
    head = {'podId': fields.take(16).hex(), 'epoch': fields.number('I'), 'deviceId': fields.take(16).hex()}
    head.update(seq=fields.number('Q'), recordHash=fields.take(32), keyring=fields.take(32).hex())
    fields.take(32)
    fields.end()
    return head


def find_branch(repository, wanted):
    """The bytes of the newest head of the branch whose name begins with `wanted`."""
    found = {}
    for match in repository.names('branches', '([0-9]{12})-([0-9a-f]{64})'):  # ascending by position
        data = repository.object(f'branches/{match[0]}', match[2])
        found[read_head(data)['deviceId']] = data
    names = [name for name in found if name.startswith(wanted.lower())]
    if len(names) != 1:
        raise Refused(f'{len(names)} branches begin with {wanted}, of: {" ".join(found) or "none"}', NOT_FOUND)
    return found[names[0]]


def unlock(repository, recovery_key, passphrase, branch=None):
    """The head and the pod's secrets, both proven. A branch is opened by the keyring that `head` names, or by its own."""
    if branch is None:
        return unlock_with(repository, repository.read('head'), None, recovery_key, passphrase)
    head_bytes = find_branch(repository, branch)
    try:
        named = read_head(repository.read('head'))['keyring']
        return unlock_with(repository, head_bytes, named, recovery_key, passphrase)
    except Refused:
        return unlock_with(repository, head_bytes, None, recovery_key, passphrase)


def unlock_with(repository, head_bytes, named, recovery_key, passphrase):
    head = read_head(head_bytes)
    named = named or head['keyring']
    place = f'keyrings/{named}'
    try:
        keyring = repository.object(place, named)
    except Refused as failure:
        raise Refused(f'the keyring that head names: {failure}', failure.status) from failure
    secrets = open_slots(Fields(keyring[:-32], place), recovery_key, passphrase)
    fields = proven(keyring, secrets['logKey'], place)
    fields.magic(b'DPY1', SLOT_KINDS)
    keyring_pod = fields.take(16).hex()
    proven(head_bytes, secrets['logKey'], 'head')
    if not head['podId'] == keyring_pod == secrets['podId']:
        raise Refused(f'head, {place} and its secrets belong to different pods')
    return head, secrets


def open_slots(fields, recovery_key, passphrase):
    """The secrets, from the first slot that the key opens. Passkeys and homes are passed over: nobody types their keys."""
    version = fields.magic(b'DPY1', SLOT_KINDS)
    fields.take(16 + 4)  # podId and generation; the MAC is checked with the key that a slot gives
    slots = []
    count = fields.number('I')
    if count > SLOTS_MAX:
        raise fields.damaged(f'{count} slots are more than {SLOTS_MAX}')
    for _ in range(count):
        kind, _label, _created = fields.number('B'), fields.prefixed(), fields.number('Q')
        if kind not in SLOT_KINDS[version]:
            raise fields.damaged(f'no slot has the kind {kind}')
        slots.append((kind, fields.take(fields.number('I'))))
    fields.end()
    for kind, sealed in slots:
        plain = None
        if kind == 1 and passphrase is not None:
            plain = unseal_with_passphrase(sealed, passphrase)
        if kind == 2 and recovery_key is not None:
            plain = unseal(sealed, recovery_key, f'a slot of {fields.what}')
        if plain is not None:
            return read_secrets(plain, fields.what)
    raise Refused(f'this key opens no slot of {fields.what}', WRONG_KEY)


def read_secrets(plain, what):
    secrets = read_json(plain, f'a slot of {what}')
    if secrets.get('v') != 1:
        raise Refused(f'a slot of {what} has version {secrets.get("v")}, which this reader does not know', FAILED)
    try:
        for name in ('logKey', 'chunkIdKey'):
            secrets[name] = base64.b64decode(secrets[name], validate=True)
            if len(secrets[name]) != 32:
                raise ValueError(f'{name} has {len(secrets[name])} bytes')
        if not isinstance(secrets['identity'], str) or not re.fullmatch('[0-9a-f]{32}', secrets['podId']):
            raise ValueError('identity or podId')
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f'a slot of {what} is damaged: {error}') from error
    return secrets
