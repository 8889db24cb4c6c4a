/** A run that is reached over IPv6 alone. */
import { expect, test } from 'vitest'
import { parseLink } from '../../node/network/link.ts'
import { findInvite } from '../../node/network/page-link.ts'
import { openRun } from '../../node/run/open-run.ts'
import { hostRun, joinRun, prepareSmallRun } from './swarm.ts'

test('it is joined by its link and by its page, whose address has brackets', async () => {
  const steps = 16
  const run = await prepareSmallRun({ max_steps: steps })
  const hosted = await hostRun(run, {
    listen: ['/ip6/::1/tcp/0/ws'],
    pages: ({ coordinator }) => ({
      answer: (_request, response) => response.end(JSON.stringify({ coordinator })),
    }),
  })
  const invite = parseLink(hosted.link)
  expect(invite.addresses).toEqual([expect.stringMatching(/^\/ip6\/::1\/tcp\/\d+\/ws\/p2p\//)])
  const [page = ''] = hosted.pageAddresses
  expect(page).toMatch(/^http:\/\/\[::1\]:\d+\/$/)
  const word = hosted.link.split('#')[1]
  const found = await findInvite(`${page}#join=${word}`)
  expect(found).toEqual(invite)
  await joinRun(run, hosted.link, 'ada')
  await joinRun(run, found, 'ben')
  await hosted.finished
  const names = hosted.status().participants.map(({ name }) => name)
  expect(names.toSorted()).toEqual(['ada', 'ben'])
  await hosted.stop()
  const { state } = await openRun(run)
  expect(state.ledger.counted).toEqual([{ start: 0, end: steps }])
})
