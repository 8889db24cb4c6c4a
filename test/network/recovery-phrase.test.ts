/** A key becomes 24 words, the words become the key, and what is wrong with them is said. */
import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { expect, test } from 'vitest'
import { identityOf } from '../../node/network/identity.ts'
import { identityFromPhrase, phraseFault, phraseOf } from '../../node/network/recovery-phrase.ts'
import { bytesToHex, hexToBytes } from '../../protocol/index.ts'

const times = (count: number, words: string) => Array.from({ length: count }, () => words).join(' ')
const LEGAL = 'legal winner thank year wave sausage worth useful'
const LETTER = 'letter advice cage absurd amount doctor acoustic avoid'

/** Trezor's vectors for BIP-39 that have 32 bytes (python-mnemonic, vectors.json, English). */
for (const [seed, words] of [
  ['00'.repeat(32), `${times(23, 'abandon')} art`],
  ['7f'.repeat(32), `${LEGAL} ${LEGAL} ${LEGAL.replace('useful', 'title')}`],
  ['80'.repeat(32), `${LETTER} ${LETTER} ${LETTER.replace('avoid', 'bless')}`],
  ['ff'.repeat(32), `${times(23, 'zoo')} vote`],
  [
    '68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c',
    'hamster diagram private dutch cause delay private meat slide toddler razor book ' +
      'happy fancy gospel tennis maple dilemma loan word shrug inflict delay length',
  ],
  [
    'f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f',
    'void come effort suffer camp survey warrior heavy shoot primary clutch crush ' +
      'open amazing screen patrol group space point ten exist slush involve unfold',
  ],
] as const) {
  test(`the key of ${seed.slice(0, 8)}… is ${words.slice(0, 30)}…, and back`, async () => {
    const identity = identityOf(await generateKeyPairFromSeed('Ed25519', hexToBytes(seed)))
    expect(phraseOf(identity)).toBe(words)
    expect(phraseFault(words)).toBeNull()
    expect((await identityFromPhrase(words)).peerId).toBe(identity.peerId)
  })
}

test('the seed is that of RFC 8032, from which its public key follows', async () => {
  const seed = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'
  const { privateKey } = identityOf(await generateKeyPairFromSeed('Ed25519', hexToBytes(seed)))
  const made = await identityFromPhrase(phraseOf({ privateKey }))
  expect(bytesToHex(made.privateKey.publicKey.raw)).toBe(
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  )
})

test('a key that was made by chance comes back, and signs the same', async () => {
  const identity = identityOf(await generateKeyPair('Ed25519'))
  const made = await identityFromPhrase(phraseOf(identity))
  const body = new Uint8Array([1, 2, 3])
  expect(made.peerId).toBe(identity.peerId)
  expect(await made.sign(body)).toEqual(await identity.sign(body))
})

const ART = `${times(23, 'abandon')} art`

for (const [what, text, fault] of [
  ['as it is', ART, null],
  ['in capitals, on many lines', ART.toUpperCase().replaceAll(' ', ' \r\n\t'), null],
  [
    'with numbers',
    ART.split(' ')
      .map((word, i) => `${i + 1}. ${word}`)
      .join('\n'),
    null,
  ],
  ['nothing', ' \n', '24 words: current value is 0 words'],
  ['a word too few', times(23, 'abandon'), '24 words: current value is 23 words'],
  ['a word too many', `${ART} art`, '24 words: current value is 25 words'],
  ['12 words that have a checksum', `${times(11, 'abandon')} about`, 'current value is 12 words'],
  ['a word misspelt', ART.replace('art', 'artt'), "word 24, 'artt' (did you mean 'art'?)"],
  ['a word of no list', ART.replace('art', 'qqqqqqqqq'), "word 24, 'qqqqqqqqq'"],
  ['two that are wrong', ART.replace('abandon abandon', 'abandom x'), "word 1, 'abandom' (did"],
  ['another word', ART.replace('art', 'arm'), 'its checksum does not fit'],
  ['two places changed', `art ${times(23, 'abandon')}`, 'its checksum does not fit'],
] as const) {
  test(`a phrase ${what}: ${fault ?? 'right'}`, async () => {
    const found = phraseFault(text)
    if (fault === null) expect(found).toBeNull()
    else expect(found).toContain(fault)
    if (fault !== null) await expect(identityFromPhrase(text)).rejects.toThrow()
  })
}
