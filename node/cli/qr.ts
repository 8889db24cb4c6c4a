/** A QR code in text: two modules a character, dark on light whatever the terminal's colours. */
import qrcode from 'qrcode-generator'

/** Modules of light around it, which readers need. */
const MARGIN = 2

export function qrText(text: string): string {
  const code = qrcode(0, 'L')
  code.addData(text)
  code.make()
  const count = code.getModuleCount()
  const isDark = (row: number, column: number) =>
    Math.min(row, column) >= 0 && Math.max(row, column) < count && code.isDark(row, column)
  const lines: string[] = []
  for (let row = -MARGIN; row < count + MARGIN; row += 2) {
    let line = ''
    for (let column = -MARGIN; column < count + MARGIN; column++) {
      line += BLOCKS[(isDark(row, column) ? 2 : 0) + (isDark(row + 1, column) ? 1 : 0)]
    }
    lines.push(line)
  }
  return lines.join('\n')
}

/** Light is drawn, since most terminals are dark: both, upper, lower, none. */
const BLOCKS = ['\u2588', '\u2580', '\u2584', ' ']
