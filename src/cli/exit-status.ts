// How a command ends the program with a status of its own, such as that of a command it ran in the session.

/** Thrown by a command that has printed what there is to print and wants this exit status. */
export class ExitStatus extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`exit status ${status}`);
    this.name = 'ExitStatus';
    this.status = status;
  }
}
