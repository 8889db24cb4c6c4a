/** Try it: an offer. What it takes comes only to those who open it. */
import { useSignal } from '@preact/signals'
import type { ComponentType } from 'preact'
import { capabilities } from './lend-store.ts'
import { ownWord, tables, version } from './store.ts'

type Panel = ComponentType<{ word: string; onClose(): void }>

export function Try() {
  const panel = useSignal<{ Panel: Panel } | null>(null)
  const failure = useSignal<string | null>(null)
  version.value
  const word = ownWord()
  const run = tables.run
  if (word === null || run === null) return null
  const open = async () => {
    try {
      const { TryPanel } = await import('./try-panel.tsx')
      panel.value = { Panel: TryPanel }
      failure.value = null
    } catch (error) {
      failure.value = `The coordinator does not answer: ${(error as Error).message}`
    }
  }
  const opened = panel.value
  const { obstacle } = capabilities
  return (
    <section class="card wide" aria-labelledby="try">
      <h2 id="try">Try it</h2>
      {opened === null ? (
        <>
          <p>
            Ask {run.base} and what it has learned here the same thing, and compare. The answers are
            written in this browser, and what you ask stays in it.
          </p>
          {obstacle !== null && <p role="alert">{obstacle}</p>}
          {failure.value !== null && <p role="alert">{failure.value}</p>}
          <button type="button" class="main" disabled={obstacle !== null} onClick={open}>
            Try it
          </button>
        </>
      ) : (
        <opened.Panel
          word={word}
          onClose={() => {
            panel.value = null
          }}
        />
      )}
    </section>
  )
}
