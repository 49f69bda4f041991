"""The log: records in segments, proven by their MACs and by their chain."""
import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor

from .fields import Fields, proven, read_json
from .programs import unseal
from .refused import FAILED, Refused


def read_log(repository, head, secrets):
    """
    The records from 1 to the head's with their events, proven by their MACs and by the chain; and the failures of
    segments that the chain does not need.
    """
    records, failures = {}, []

    def read(match):
        try:
            return read_segment(repository, match, secrets)
        except Refused as failure:
            failures.append(str(failure))
            return {}

    found = repository.names('segments', r'([0-9]{12})-([0-9a-f]{64})\.age')
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for part in threads.map(read, found):
            records.update(part)
    log, wanted, following = [], head['recordHash'], -1
    for seq in range(head['seq'], 0, -1):
        record = records.get(wanted)
        if record is None:
            raise Refused('; '.join(failures + [f'no segment holds record {seq} with the hash {wanted.hex()}']))
        if record['seq'] != seq or record['remaining'] not in (0, following + 1):
            raise Refused(f'record {seq} in {record["place"]} is damaged: it does not fit the record after it')
        record['event'] = read_json(record['payload'], f'record {seq} in {record["place"]}')
        log.append(record)
        wanted, following = record['previous'], record['remaining']
    log.reverse()
    if not log or wanted != bytes(32) or log[0]['event'].get('podId') != secrets['podId']:
        raise Refused('the log does not begin with record 1 of this pod')
    return log, failures


def read_segment(repository, match, secrets):
    """The records of one segment by their hashes."""
    place = f'segments/{match[0]}'
    plain = unseal(repository.object(place, match[2]), secrets['identity'], place)
    if plain is None:
        raise Refused(f'{place} is not sealed to this pod')
    fields = Fields(plain, place)
    fields.magic(b'DPS1')
    pod_id, _epoch, _device = fields.take(16).hex(), fields.number('I'), fields.take(16)
    first, count = fields.number('Q'), fields.number('I')
    if pod_id != secrets['podId'] or first != int(match[1]) or count == 0:
        raise fields.damaged('it is of another pod or place, or empty')
    records, previous, remaining = {}, None, 0
    for seq in range(first, first + count):
        body_hash, record = read_record(fields, secrets['logKey'])
        if record['seq'] != seq or previous not in (None, record['previous']):
            raise fields.damaged(f'record {seq} does not follow the one before')
        previous, remaining, records[body_hash] = body_hash, record['remaining'], record
    if remaining != 0:
        raise fields.damaged('it ends within an append')
    fields.end()
    return records


def read_record(fields, log_key):
    magic, length, complement = fields.take(4), fields.number('I'), fields.number('I')
    if magic != b'DPR1' or length ^ complement != 0xFFFFFFFF or not 51 <= length <= 51 + 16 * 2**20:
        raise fields.damaged('no record begins here')
    data = fields.take(length + 32)
    body = proven(data, log_key, f'a record of {fields.what}')
    body.version()
    record = {'seq': body.number('Q'), 'atMs': body.number('Q'), 'previous': body.take(32)}
    record.update(remaining=body.number('H'), payload=body.take(length - body.at), place=fields.what)
    return hashlib.sha256(data[:-32]).digest(), record


def find_checkpoints(log):
    """
    What a restore needs of the events: the checkpoints in their order, with `atMs`, without those that were forgotten;
    and the names of the packs in force, the oldest first.
    """
    checkpoints, in_force = {}, {}
    for record in log:
        event = record['event']
        kind, version = event.get('type'), event.get('v')
        if kind not in ('checkpoint.sealed', 'checkpoints.forgotten', 'packs.pruned'):
            continue
        if version != 1:
            raise Refused(f'record {record["seq"]}: this reader does not know {kind} v {version}', FAILED)
        if kind == 'checkpoint.sealed':
            if type(event.get('number')) is not int:
                raise Refused(f'record {record["seq"]} is damaged: its checkpoint has no number')
            checkpoints[event['number']] = {**event, 'atMs': record['atMs']}
        if kind == 'checkpoints.forgotten':
            if not isinstance(event.get('numbers'), list) or any(type(n) is not int for n in event['numbers']):
                raise Refused(f'record {record["seq"]} is damaged: numbers are none of checkpoints')
            for number in event['numbers']:
                checkpoints.pop(number, None)
        in_force.update(dict.fromkeys(pack_names(record, 'packs') + pack_names(record, 'added')))
        for name in pack_names(record, 'removed'):
            in_force.pop(name, None)
    return list(checkpoints.values()), list(in_force)


def pack_names(record, field):
    names = record['event'].get(field, [])
    if not isinstance(names, list) or not all(isinstance(n, str) and re.fullmatch('[0-9a-f]{64}', n) for n in names):
        raise Refused(f'record {record["seq"]} is damaged: {field} are no names of packs')
    return names
