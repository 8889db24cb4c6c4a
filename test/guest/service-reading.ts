/** Reads the commands of service files, by the rules of systemd.syntax(7) and of XML. */

/** Words in double quotes: `\` takes the next character as it is, `%%` is a per cent sign. */
export function unitWords(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) =>
    word.replaceAll(/\\(.)/g, '$1').replaceAll('%%', '%'),
  )
}

/** The program and its arguments in a unit for systemd or an agent for launchd. */
export function argumentsOf(file: string): string[] {
  const [, line] = /^ExecStart=(.*)$/m.exec(file) ?? []
  if (line !== undefined) return unitWords(line).map((word) => word.replaceAll('$$', '$'))
  const [, array = ''] =
    /<key>ProgramArguments<\/key>\s*<array>([\s\S]*?)<\/array>/.exec(file) ?? []
  return [...array.matchAll(/<string>([^<]*)<\/string>/g)].map(([, word = '']) =>
    word.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'),
  )
}
