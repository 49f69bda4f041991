// Asserts the code of a failure.
import assert from 'node:assert/strict';
import { DeskPodError, type ErrorCode } from '../../src/core/errors.ts';

/** The DeskPodError that `act` rejects with, which must have `code`. */
export async function expectCode(code: ErrorCode, act: () => Promise<unknown>): Promise<DeskPodError> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof DeskPodError)) throw error;
    assert.equal(error.code, code, error.message);
    return error;
  }
  return assert.fail(`expected ${code}, got no failure`);
}
