// docs/PROFILE.md is what the tables make of it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { PROFILE_DOCUMENT, renderProfile } from '../../ops/profile-document.ts';

describe('docs/PROFILE.md', () => {
  it('is as `npm run profile` writes it', async () => {
    assert.equal(await readFile(PROFILE_DOCUMENT, 'utf8'), renderProfile());
  });
});
