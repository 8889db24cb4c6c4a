/**
 * What is measured of a round's adapter beside its loss, as curves and columns of the page: the
 * names are those of `status` and the log.
 */
import type { RoundRow } from '../../history/rows.ts'

interface RoundFigure {
  /** The class by which the style colours it, too. */
  field: string
  name: string
  color: string
  /** A share of 1, shown in per cent. */
  isShare: boolean
  of(row: RoundRow): number | null
}

export const FIGURES: readonly RoundFigure[] = [
  {
    field: 'accuracy',
    name: 'accuracy',
    color: '--counted',
    isShare: true,
    of: (row) => row.accuracy,
  },
  { field: 'margin', name: 'margin', color: '--lost', isShare: false, of: (row) => row.margin },
  ...(
    [
      ['acc', 'acc', '--accent'],
      ['accNorm', 'acc_norm', '--held-out'],
      ['exactMatch', 'exact_match', '--train'],
    ] as const
  ).map(([field, name, color]) => ({
    field,
    name,
    color,
    isShare: true,
    of: (row: RoundRow) => row.scores?.[field] ?? null,
  })),
]

/** Those that any round has. */
export const figuresIn = (rounds: readonly RoundRow[]): readonly RoundFigure[] =>
  FIGURES.filter(({ of }) => rounds.some((row) => of(row) !== null))

/** A cell of the table. */
export function figureText({ of, isShare }: RoundFigure, row: RoundRow | undefined): string {
  const value = row === undefined ? null : of(row)
  if (value === null) return '–'
  return isShare ? `${(100 * value).toFixed(1)} %` : value.toFixed(4)
}
