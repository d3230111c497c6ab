/** Which elements of a long table show which rows: an element whose row goes out of sight shows one that comes into sight. */
export interface Place<T> {
  /** Of the element. */
  key: string | number
  row: T
  index: number
}

interface Row {
  id: string | number
}

/** Every row has an element of its own. */
export function ownPlaces<T extends Row>(rows: readonly T[], first: number): Place<T>[] {
  return rows.map((row, n) => ({ key: row.id, row, index: first + n }))
}

/**
 * Rows that stay in sight keep their elements, the others take over those that became free. No element moves, which costs
 * as much as making it; `inOrder`, they stand as their rows do, as keys and screen readers go through them.
 */
export function sharedPlaces<T extends Row>(before: readonly Place<T>[], rows: readonly T[], first: number, inOrder: boolean): Place<T>[] {
  const places = ownPlaces(rows, first)
  const byRow = new Map(places.map(place => [place.row.id, place]))
  const kept = new Set(before.map(place => byRow.get(place.row.id)).filter(place => place !== undefined))
  const coming = places.filter(place => !kept.has(place)).values()
  const next: Place<T>[] = []
  for (const { key, row } of before) {
    const place = byRow.get(row.id) ?? coming.next().value
    if (place) next.push(Object.assign(place, { key }))
  }
  let unused = 1 + Math.max(-1, ...before.map(place => place.key as number))
  for (const place of coming) next.push(Object.assign(place, { key: unused++ }))
  return inOrder ? next.sort((a, b) => a.index - b.index) : next
}
