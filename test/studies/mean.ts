/** A mean of shares with its standard error, in percent. */
export function meanAndError(shares: readonly number[]): string {
  const mean = shares.reduce((sum, value) => sum + value, 0) / shares.length
  const squares = shares.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const error = Math.sqrt(squares / (shares.length - 1) / shares.length)
  const percent = (value: number) => `${(100 * value).toFixed(2)} %`
  return `${percent(mean)} ± ${percent(error)} (standard error of ${shares.length})`
}
