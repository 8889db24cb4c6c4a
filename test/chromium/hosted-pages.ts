/** A run that is hosted with its pages, as `barnraise host` does it. */
import { onTestFinished } from 'vitest'
import { createPages } from '../../node/dashboard/server.ts'
import type { CoordinatorOptions, HostedRun } from '../../node/roles/coordinator.ts'
import type { RunFolder } from '../../node/run/run-folder.ts'
import { type Hosted, hostRun } from '../roles/swarm.ts'

/** A coordinator whose WebSocket port serves the pages. */
export async function hostWithPages(
  run: RunFolder,
  options: Partial<CoordinatorOptions> = {},
): Promise<Hosted> {
  return hostRun(run, {
    listen: ['/ip4/127.0.0.1/tcp/0/ws'],
    pages: ({ runId, coordinator, link, dashboard, isInvited, order }: HostedRun) => {
      const invitation = { run: runId, coordinator, kind: 'link', link } as const
      const doors = { invitation, isInvited, order, admin: 'admin' }
      const pages = createPages({ ...doors, model: dashboard, folder: run })
      onTestFinished(pages.close)
      return pages
    },
    ...options,
  })
}
