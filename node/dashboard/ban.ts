/** What the organiser's page decides about a volunteer. Of the server and of the browser alike. */
export type Ban =
  | { type: 'kicked'; peer: string; reason: string }
  | { type: 'unbanned'; peer: string }

/** What the run says of it. */
export interface BanAnswer {
  said: string[]
}
