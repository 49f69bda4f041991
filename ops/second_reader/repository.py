"""A repository: objects that are named by their hashes, and the places where one is found."""
import hashlib
import os
import re

from .refused import FAILED, NOT_FOUND, Refused


class Repository:
    """Objects, each read whole and compared with the hash in its name."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)

    def read(self, place):
        try:
            with open(os.path.join(self.folder, place), 'rb') as file:
                return file.read()
        except FileNotFoundError as error:
            raise Refused(f'{place} is missing') from error
        except OSError as error:
            raise Refused(f'{place} cannot be read: {error.strerror}') from error

    def object(self, place, name):
        data = self.read(place)
        found = hashlib.sha256(data).hexdigest()
        if found != name:
            raise Refused(f'{place} is damaged: its bytes have the hash {found}')
        return data

    def names(self, folder, form):
        """What `form` matches of the names in a folder, in order."""
        try:
            found = sorted(os.listdir(os.path.join(self.folder, folder)))
        except FileNotFoundError:
            return []
        return [match for match in map(re.compile(form).fullmatch, found) if match]


def find_repository(place, pod_id):
    """The repository in a home, in a device that is mounted, in a tree pod, or the place itself."""
    marker = os.path.join(place, 'deskpod-home')
    if os.path.isfile(marker):
        with open(marker, 'rb') as file:
            said = file.read(100)
        if said != b'DeskPod home 1\n':
            raise Refused(f'{marker} says {said!r}, which this reader does not know', FAILED)
        pods = os.path.join(place, 'pods')
        found = [m[0] for m in Repository(pods).names('.', '[0-9a-f]{32}')]
        if pod_id is None and len(found) != 1:
            raise Refused(f'{place} holds {len(found)} pods, name one with --pod: {" ".join(found)}', NOT_FOUND)
        if pod_id is not None and pod_id not in found:
            raise Refused(f'{place} holds no pod {pod_id}, but {" ".join(found) or "none"}', NOT_FOUND)
        return Repository(os.path.join(pods, pod_id or found[0]))
    for below in ('', 'repository', '.deskpod/repository'):
        if os.path.isfile(os.path.join(place, below, 'head')):
            return Repository(os.path.join(place, below))
    raise Refused(f'{place} is no home, no pod and no repository: no deskpod-home and no head in it', NOT_FOUND)
