/** Text in which Markdown and HTML see nothing of theirs. */
export function escaped(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>|~&$#]/g, (mark) => `\\${mark}`).replaceAll(/\s+/g, ' ')
}
