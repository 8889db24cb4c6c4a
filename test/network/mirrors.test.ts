/** Which addresses are mirrors, where the base is at them, and where nobody is led. */
import { describe, expect, test } from 'vitest'
import { guardedGet } from '../../node/network/guarded-get.ts'
import { addressIn, mirrorFault } from '../../node/network/mirrors.ts'
import { type Place, placeOf, placeOfMultiaddr } from '../../node/network/near.ts'

const DIGEST = 'ab'.repeat(32)

for (const [mirror, expected] of [
  ['https://example.org', `https://example.org/${DIGEST}`],
  ['https://example.org/bases/', `https://example.org/bases/${DIGEST}`],
  ['https://example.org/bases?key=1#x', `https://example.org/bases/${DIGEST}?key=1`],
  [`https://example.org/blobs/ab/${DIGEST}`, `https://example.org/blobs/ab/${DIGEST}`],
  [
    'https://huggingface.co/org/name/resolve/main/model.safetensors',
    'https://huggingface.co/org/name/resolve/main/model.safetensors',
  ],
  ['https://example.org/m.gguf?download=true', 'https://example.org/m.gguf?download=true'],
] as const) {
  test(`at ${mirror} the base is ${expected}`, () => {
    expect(mirrorFault(mirror)).toBe(null)
    expect(addressIn(mirror, DIGEST)).toBe(expected)
  })
}

for (const [mirror, fault] of [
  ['http://127.0.0.1:80', null],
  ['http://localhost/x', null],
  ['http://[::1]/x', null],
  ['http://example.org', 'https'],
  ['http://127.0.0.1.example.org', 'https'],
  ['http://10.0.0.1/', 'https'],
  ['ftp://example.org', 'https'],
  ['file:///etc/passwd', 'https'],
  ['bases', 'https'],
  ['https://ann:word@example.org/', 'without a password'],
  [`https://example.org/${'x'.repeat(512)}`, 'at most 512'],
  [
    'https://huggingface.co/org/name/blob/main/model.safetensors',
    'the address of the file, not of its page on the Hub: ' +
      'https://huggingface.co/org/name/resolve/main/model.safetensors',
  ],
  ['https://hf.co/org/name/blob/v1/m.gguf?x=1', 'Hub: https://hf.co/org/name/resolve/v1/m.gguf'],
  ['https://huggingface.co/blob/name/resolve/main/m.gguf', null],
  ['https://example.org/org/name/blob/main/m.gguf', null],
] as const) {
  test(`'${mirror.slice(0, 40)}' is ${fault === null ? 'a mirror' : `none: ${fault}`}`, () => {
    if (fault === null) expect(mirrorFault(mirror)).toBe(null)
    else expect(mirrorFault(mirror)).toContain(fault)
  })
}

for (const [address, place] of [
  ['127.0.0.1', 'here'],
  ['127.8.8.8', 'here'],
  ['0.0.0.0', 'here'],
  ['::1', 'here'],
  ['::ffff:127.0.0.1', 'here'],
  ['192.168.1.7', 'home'],
  ['10.0.0.1', 'home'],
  ['169.254.169.254', 'home'],
  ['::ffff:10.0.0.1', 'home'],
  ['fe80::1%eth0', 'home'],
  ['fd00::1', 'home'],
  ['192.0.2.1', 'world'],
  ['2001:db8::1', 'world'],
] as const) {
  test(`${address} is ${place}`, () => expect(placeOf(address)).toBe(place))
}

for (const [address, place] of [
  ['/ip4/127.0.0.1/tcp/4001/ws/p2p/12D3', 'here'],
  ['/ip4/192.168.1.7/tcp/4002', 'home'],
  ['/ip6/2001:db8::1/tcp/4002', 'world'],
  ['/dns4/localhost/tcp/4002', 'world'],
  ['/ip4/127.0.0.1/tcp/9/ws/p2p/12D3/p2p-circuit/p2p/12D4', 'world'],
] as const) {
  test(`a coordinator at ${address} is ${place}`, () =>
    expect(placeOfMultiaddr(address)).toBe(place))
}

describe('whoever is no nearer than the first leads nobody to the second', () => {
  for (const [nearest, url] of [
    ['home', 'http://127.0.0.1:1/'],
    ['home', 'https://localhost:1/'],
    ['world', 'https://localhost:1/'],
    ['world', 'https://[::1]:1/'],
    ['world', 'https://[::ffff:127.0.0.1]:1/'],
    ['world', 'https://0.0.0.0:1/'],
    ['world', 'https://2130706433:1/'],
    ['world', 'https://10.0.0.1:1/'],
    ['world', 'https://169.254.169.254/latest'],
  ] as [Place, string][]) {
    test(`${nearest}, ${url}`, async () => {
      const asking = guardedGet(nearest)(url, {}, AbortSignal.timeout(5_000))
      await expect(asking).rejects.toThrow("is an address of this machine's own network")
    })
  }
})
