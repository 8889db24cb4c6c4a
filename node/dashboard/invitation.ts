/** How a run is joined, as its pages are told. Of the server and of the browser alike. */

import type { RunConfig } from '../../protocol/index.ts'

/** How a page of this coordinator joins its run. */
export interface Invitation {
  /** The coordinator's PeerId. */
  coordinator: string
  run: string
  /** Who is let in; see RunConfig. */
  kind: RunConfig['admission']['kind']
  /**
   * The link that volunteers join by, its token included; null for all but the organiser, unless
   * the run is open.
   */
  link: string | null
}

/** The invitation as a page gets it. */
export interface ShownInvitation extends Invitation {
  /** Whether the page gave a word that shows the link, another one, or none. */
  word: 'right' | 'wrong' | 'none'
}
