/** Limits of users and tokens to regions and tags. */
interface Placed { region: string, tags: string[] }
interface Limits { regions: string[], tags: string[] }
interface Scope extends Limits { others?: Limits[] }

/** What there is to choose from: of the nodes, and what is chosen already. */
export function scopeChoices(nodes: readonly Placed[], chosen: Limits): Limits {
  const sorted = (values: string[]) => [...new Set(values)].filter(Boolean).sort()
  return {
    regions: sorted([...nodes.map(node => node.region), ...chosen.regions]),
    tags: sorted([...nodes.flatMap(node => node.tags), ...chosen.tags]),
  }
}

/** In a few words: `eu · us, ssd`, or `eu, a | us, b` where each goes with its own; empty where nothing is limited. */
export function scopeText(limits: readonly Scope[]): string {
  return limits.map(limit => [limit, ...limit.others ?? []].map(oneText).join(' | ')).filter(Boolean).join('; ')
}

function oneText({ regions, tags }: Limits): string {
  return [regions, tags].filter(each => each.length).map(each => each.join(' · ')).join(', ')
}
