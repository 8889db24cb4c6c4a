/** A QR code, drawn as one path. */
import { useMemo } from 'preact/hooks'
import qrcode from 'qrcode-generator'

export function Qr({ text, label }: { text: string; label: string }) {
  const { path, count } = useMemo(() => outlineOf(text), [text])
  return (
    <svg class="qr" viewBox={`-2 -2 ${count + 4} ${count + 4}`} role="img" aria-label={label}>
      <path d={path} />
    </svg>
  )
}

/** The dark modules of a QR code as a path, and how many there are in a row. */
function outlineOf(text: string): { path: string; count: number } {
  const code = qrcode(0, 'L')
  code.addData(text)
  code.make()
  const count = code.getModuleCount()
  let path = ''
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      if (code.isDark(row, column)) path += `M${column} ${row}h1v1h-1z`
    }
  }
  return { path, count }
}
