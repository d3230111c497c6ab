/** Forms over something that others change meanwhile. */

/** What a form holds after what it shows was changed elsewhere: fields that somebody touched keep what he typed. */
export function rebased<T extends object>(typed: T, before: T, now: T): T {
  const keys = Object.keys(now) as (keyof T)[]
  return Object.fromEntries(keys.map(key => [key, same(typed[key], before[key]) ? now[key] : typed[key]])) as T
}

/** The fields that differ, and nothing else: two people do not undo each other's changes. */
export function changesOf<T extends object>(typed: T, shown: T): Partial<T> {
  const keys = Object.keys(typed) as (keyof T)[]
  return Object.fromEntries(keys.filter(key => !same(typed[key], shown[key])).map(key => [key, typed[key]])) as Partial<T>
}

/** Fields that somebody touched and that somebody else has changed to something else since. */
export function disputed<T extends object>(typed: T, before: T, now: T): string[] {
  const keys = Object.keys(now) as (keyof T & string)[]
  return keys.filter(key => !same(typed[key], before[key]) && !same(before[key], now[key]) && !same(typed[key], now[key]))
}

/** A field that somebody has emptied is like one that never held anything. */
export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a ?? null) === JSON.stringify(b ?? null)
}
