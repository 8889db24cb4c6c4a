/** What counts of this browser's work, and the receipt that the coordinator signs for it. */
import { signal } from '@preact/signals'
import { creditWords } from '../../history/figures.ts'
import type { PeerRow } from '../../history/rows.ts'
import { receiptPath } from '../../run/receipt-path.ts'
import { ask } from './door.ts'
import { ownRow } from './lend-store.ts'
import { Qr } from './qr.tsx'
import { save } from './save.ts'
import { joinWord, tables, version } from './store.ts'
import { namesakesAmong, Who } from './who.tsx'

interface Got {
  line: string
  address: string
}

const got = signal<Got | { failure: string } | null>(null)

/** Whoever has done nothing that counts has nothing to show. */
export function Credit() {
  version.value
  const row = ownRow()
  if (row === undefined || row.credit.contributions === 0) return null
  const hasNamesake = namesakesAmong(tables.peers.values()).has(row.name)
  return (
    <section class="card credit" aria-labelledby="credit">
      <h2 id="credit">What you gave</h2>
      <p>
        <Who peer={row.peer} name={row.name} hasNamesake={hasNamesake} />: {creditWords(row.credit)}
        . The coordinator signs a receipt for it, which anybody can check with `barnraise verify`.
      </p>
      <button type="button" onClick={() => void fetchReceipt(row)}>
        Get the receipt
      </button>
      <Receipt row={row} />
    </section>
  )
}

function Receipt({ row }: { row: PeerRow }) {
  if (got.value === null) return null
  if ('failure' in got.value) return <p role="alert">{got.value.failure}</p>
  const { line, address } = got.value
  return (
    <>
      <p role="status">
        <a href={address} download={fileOf(row)}>
          {fileOf(row)}
        </a>{' '}
        holds these characters:
      </p>
      <code class="command">{line}</code>
      <Qr text={line} label="The receipt" />
    </>
  )
}

const fileOf = ({ peer }: PeerRow): string => `${peer}.receipt`

async function fetchReceipt(row: PeerRow): Promise<void> {
  const headers = { Authorization: `Bearer ${joinWord()}` }
  const answer = await ask(`proof/${receiptPath(row.peer)}`, { headers }).catch(() => null)
  const text = await answer?.text().catch(() => null)
  if (answer?.ok !== true || text === undefined || text === null) {
    got.value = { failure: text ?? 'The coordinator does not answer: try again.' }
    return
  }
  if (got.value !== null && 'address' in got.value) URL.revokeObjectURL(got.value.address)
  const address = URL.createObjectURL(new Blob([text], { type: 'application/json' }))
  got.value = { line: text.trimEnd(), address }
  save(address, fileOf(row))
}
