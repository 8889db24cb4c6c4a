/**
 * A key on paper. An Ed25519 key follows from a seed of 32 bytes; in BIP-39 these are 24 words of
 * 11 bits, of which the last 8 bits are the start of the seed's SHA-256. The seed itself is what
 * the words stand for: nothing is stretched or derived, and no password belongs to them, so that 24
 * words are the whole key.
 *
 * Source: BIP-39, Palatinus et al. 2013, "Generating the mnemonic", with the English word list.
 */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { nearest } from '../nearest.ts'
import { type Identity, identityOf } from './identity.ts'

export const PHRASE_WORDS = 24
const SEED_BYTES = 32

/** The words, with a blank between. Whoever has them has the key. */
export function phraseOf({ privateKey }: Pick<Identity, 'privateKey'>): string {
  // The raw form of libp2p is the seed, and the public key behind it.
  return entropyToMnemonic(privateKey.raw.slice(0, SEED_BYTES), wordlist)
}

/** Why the text is no phrase, as a sentence goes on after "as"; null: it is one. */
export function phraseFault(text: string): string | null {
  const words = wordsIn(text)
  const unknown = words.flatMap((word, index) =>
    wordlist.includes(word) ? [] : [`word ${index + 1}, '${word}'${meant(word)}`],
  )
  if (unknown.length > 0) return `it has words that are not in the list: ${unknown.join('; ')}`
  if (words.length !== PHRASE_WORDS) {
    return `it must have ${PHRASE_WORDS} words: current value is ${words.length} words`
  }
  return hasChecksum(words) ? null : CHECKSUM_FAULT
}

const CHECKSUM_FAULT =
  'its checksum does not fit: a word is another one of the list, or two have changed places'

/** The identity that the words stand for. @throws Error for what has a `phraseFault` */
export async function identityFromPhrase(text: string): Promise<Identity> {
  return identityOf(await generateKeyPairFromSeed('Ed25519', seedOf(wordsIn(text))))
}

/** Case does not matter, nor blanks and lines between the words, nor the numbers before them. */
const wordsIn = (text: string): string[] =>
  (text.toLowerCase().match(/\S+/g) ?? []).filter((word) => !/^\d+[.)]?$/.test(word))

const seedOf = (words: readonly string[]): Uint8Array =>
  mnemonicToEntropy(words.join(' '), wordlist)

function hasChecksum(words: readonly string[]): boolean {
  try {
    seedOf(words)
    return true
  } catch {
    return false
  }
}

function meant(word: string): string {
  const likely = nearest(word, wordlist)
  return likely === null ? '' : ` (did you mean '${likely}'?)`
}
