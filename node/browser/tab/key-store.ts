/** The key of this browser, in IndexedDB: made on first use, one for an origin. */
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { type Identity, identityOf } from '../../network/identity.ts'

const DATABASE = 'barnraise'
const KEYS = 'keys'
const OWN_KEY = 'identity'

export async function loadIdentity(): Promise<Identity> {
  const database = await opened()
  try {
    const found = await done<Uint8Array | undefined>(keys(database, 'readonly').get(OWN_KEY))
    if (found !== undefined) return identityOf(privateKeyFromProtobuf(found))
    const privateKey = await generateKeyPair('Ed25519')
    await done(keys(database, 'readwrite').put(privateKeyToProtobuf(privateKey), OWN_KEY))
    return identityOf(privateKey)
  } finally {
    database.close()
  }
}

function keys(database: IDBDatabase, mode: IDBTransactionMode): IDBObjectStore {
  return database.transaction(KEYS, mode).objectStore(KEYS)
}

function opened(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1)
  request.onupgradeneeded = () => request.result.createObjectStore(KEYS)
  return done(request)
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('The browser keeps no key'))
  })
}
