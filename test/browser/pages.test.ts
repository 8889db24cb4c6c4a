/** The pages as people see them: every view, wide and narrow, light and dark, and read aloud. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createPages } from '../../node/dashboard/server.ts'
import { runFolder } from '../../node/run/run-folder.ts'
import { playTranscript } from '../dashboard/transcript-events.ts'
import { openPage, type PageOptions, picture, useBrowser, violations } from './browser.ts'

const LINK = 'barnraise:/ip4/192.168.1.7/tcp/4001/ws/p2p/12D3KooW#0123456789abcdef.secret'

useBrowser()

async function servePages(transcript: string): Promise<string> {
  const { model } = playTranscript(transcript)
  const invitation = { run: model.run.runId, coordinator: '12D3KooW', link: LINK }
  const { answer, close } = createPages({
    ...{ model, invitation, admin: 'admin', folder: runFolder('none') },
  })
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    close()
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

const SIZES = { wide: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } }
/** Whoever looks, what they look at, by which word, and what they alone see. */
const VIEWS = [
  ['organiser', 'coordinator-merge.txt', '#admin=admin', 'Join'],
  ['guest', 'coordinator-straggler.txt', '#join=0123456789abcdef', 'Train in this tab'],
] as const

for (const [view, transcript, word, heading] of VIEWS) {
  for (const size of ['wide', 'phone'] as const) {
    for (const colorScheme of ['light', 'dark'] as const) {
      test(`${view}, ${size}, ${colorScheme}: nothing that axe complains about`, async () => {
        const options: PageOptions = { viewport: SIZES[size], colorScheme }
        const page = await openPage(`${await servePages(transcript)}${word}`, options)
        await page.getByText('live', { exact: true }).waitFor()
        await page.getByRole('heading', { name: heading }).waitFor()
        await picture(page, `${view}-${size}-${colorScheme}`)
        expect(await violations(page)).toEqual([])
        const isTooWide = 'document.documentElement.scrollWidth > innerWidth'
        expect(await page.evaluate(isTooWide)).toBe(false)
      })
    }
  }
}
