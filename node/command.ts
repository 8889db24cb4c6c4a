/** How this program is started from its clone; `npm run build` puts PACKAGED in its place. */
export const COMMAND = 'npm run -s barnraise --'
/** How its package is started; the single file is started by its name. */
export const PACKAGED = 'npx barnraise'
