import { expect, test } from 'vitest';
import { isPrivateAddress } from '../../src/domain/network-address.ts';

test.each([
  '0.0.0.0',
  '10.255.255.255',
  '100.64.0.1',
  '127.0.0.1',
  '169.254.169.254',
  '172.31.255.255',
  '192.168.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::7f00:1',
  '::ffff:7f00:1',
  '::ffff:127.0.0.1',
  '::ffff:169.254.169.254',
  '64:ff9b::127.0.0.1',
  '::ffff:a9fe:a9fe',
  '64:ff9b::1',
  'fc00::1',
  'fd12:3456:789a:1::1',
  'fe80::1',
  'ff02::1',
  '2001:db8::8a2e:370:7334',
])('%s is private', (address) => {
  expect(isPrivateAddress(address)).toBe(true);
});

test.each([
  '1.1.1.1',
  '9.255.255.255',
  '11.0.0.0',
  '100.128.0.0',
  '172.32.0.0',
  '192.169.0.0',
  '2606:4700:4700::1111',
  '2001:4860:4860:0:0:0:0:8888',
  '::ffff:808:808',
  '::ffff:8.8.8.8',
  'localhost',
  'fc00.example.test',
  'face',
  '',
])('%s is not a private address', (address) => {
  expect(isPrivateAddress(address)).toBe(false);
});
