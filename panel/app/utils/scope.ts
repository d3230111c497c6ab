/** Limits of users and tokens to regions and tags. */
interface Placed { region: string, tags: string[] }
interface Limits { regions: string[], tags: string[] }

/** What there is to choose from: of the nodes, and what is chosen already. */
export function scopeChoices(nodes: readonly Placed[], chosen: Limits): Limits {
  const sorted = (values: string[]) => [...new Set(values)].filter(Boolean).sort()
  return {
    regions: sorted([...nodes.map(node => node.region), ...chosen.regions]),
    tags: sorted([...nodes.flatMap(node => node.tags), ...chosen.tags]),
  }
}

/** In a few words: `eu · us, ssd`; empty where nothing is limited. */
export function scopeText(limits: readonly Limits[]): string {
  return limits.map(({ regions, tags }) => [regions, tags].filter(each => each.length).map(each => each.join(' · ')).join(', ')).filter(Boolean).join('; ')
}
