/** The peer ids of Ed25519 keys, as text: base58 of a fixed beginning and of the public key. */
export const PEER_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/
