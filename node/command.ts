/** How this program is started from its clone; `npm run build` puts PACKAGED in its place. */
export const COMMAND = 'npm run -s barnraise --'
