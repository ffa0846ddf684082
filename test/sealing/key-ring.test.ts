import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { idOf, KeyRing, keyIdOf } from '../../src/sealing/key-ring.ts';
import { parseMasterKeys } from '../../src/sealing/master-keys.ts';

const [old, young] = [randomBytes(32), randomBytes(32)];
const unreadable = expect.objectContaining({ code: 'SECRET_UNREADABLE' });
const sealed = (ring: KeyRing, context = 'a') => ring.seal(Buffer.from('canary'), context);

test('the first key seals and says so, all of them open', () => {
  const before = sealed(new KeyRing(() => [old]));
  const ring = new KeyRing(() => [young, old]);
  expect(ring.open(before, 'a').toString()).toBe('canary');
  expect(keyIdOf(before)).toBe(idOf(old));
  expect(keyIdOf(sealed(ring))).toBe(idOf(young));
});

test('the same text sealed twice is not the same, and shows nothing of itself', () => {
  const ring = new KeyRing(() => [old]);
  expect(sealed(ring)).not.toEqual(sealed(ring));
  expect(sealed(ring).includes('canary')).toBe(false);
});

test('sealed bytes open in their own context only', () => {
  const ring = new KeyRing(() => [old]);
  expect(() => ring.open(sealed(ring, 'secret|a|ses_1|git.token'), 'secret|a|ses_2|git.token')).toThrow(unreadable);
  expect(() => ring.open(sealed(ring), 'a|')).toThrow('moved here from elsewhere');
});

test('a key that is not in the ring is named', () => {
  const bytes = sealed(new KeyRing(() => [young]));
  expect(() => new KeyRing(() => [old]).open(bytes, 'a')).toThrow(`The master key ${idOf(young)} is not in the ring.`);
});

test('no bit of sealed bytes can be changed, and none left out', () => {
  const ring = new KeyRing(() => [old]);
  const bytes = sealed(ring);
  for (let index = 0; index < bytes.length; index += 1) {
    const changed = Buffer.from(bytes);
    changed[index] = (changed[index] ?? 0) ^ 1;
    expect(() => ring.open(changed, 'a'), `byte ${index}`).toThrow(unreadable);
    expect(() => ring.open(bytes.subarray(0, index), 'a'), `cut at ${index}`).toThrow(unreadable);
  }
});

test('a key that another process has added is found when it is needed', () => {
  const keys = [old];
  const ring = new KeyRing(() => keys);
  expect(ring.ids).toEqual([idOf(old)]);
  keys.unshift(young);
  const theirs = sealed(new KeyRing(() => [young]));
  expect(ring.open(theirs, 'a').toString()).toBe('canary');
});

test.each([
  '',
  'c2hvcnQ=',
  `${old.toString('base64')} c2hvcnQ=`,
  `${old.toString('base64')},${old.toString('base64')}`,
])('a ring of %j is refused', (text) => {
  expect(() => parseMasterKeys(text)).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
});

test('keys are separated by whatever is at hand', () => {
  const [a, b] = [old.toString('base64'), young.toString('base64')];
  for (const text of [`${a},${b}`, `${a}\n${b}\n`, ` ${a}  ${b}`]) expect(parseMasterKeys(text)).toEqual([old, young]);
});
