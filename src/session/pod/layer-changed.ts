// A layer that is not what it is said to be.

/** The layer is said to be at rest, and is not what the checkpoint has whose processes are to go on upon it. */
export class LayerChanged extends Error {
  constructor(path: string) {
    super(
      `The files on this device were changed while the session was suspended (${path}): they were brought back to those that ` +
        'it was suspended with. If others had the drive, compare with a home: deskpod sync.',
    );
    this.name = 'LayerChanged';
  }
}
