/** Figures of a run, each with its name. */

export function TileList({ tiles }: { tiles: readonly (readonly [string, string])[] }) {
  return (
    <dl class="tiles">
      {tiles.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
