/** Calls of the generated client, with the answer on success and an `ApiProblem` thrown otherwise. */
import { client } from '~/api/client.gen'
import { ApiProblem, problemOf } from '~/utils/problem'

interface Answer<T> {
  data?: T
  error?: unknown
  response?: Response
}

let onExpired = () => {}

/** What to do when the Brain no longer knows this login. */
export function whenExpired(act: () => void) {
  onExpired = act
}

/** Same origin, cookie login: there is nothing secret that scripts could read. */
export function configureClient() {
  client.setConfig({ baseUrl: '', credentials: 'same-origin' })
}

/** The data of an answer; raises `ApiProblem` where there is none. */
export async function ask<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call.catch((reason: unknown) => ({ error: reason, data: undefined, response: undefined }))
  if (response?.ok) return data as T
  const problem = fromAnswer(error, response)
  if (isExpiry(problem)) onExpired()
  throw problem
}

/** All pages of a list, one after the other; `each` gets every page as it comes. */
export async function askAll<T>(
  page: (cursor: string | undefined) => Promise<Answer<{ items: T[], next_cursor?: string | null }>>,
  each: (items: T[]) => void,
): Promise<void> {
  let cursor: string | undefined
  do {
    const { items, next_cursor } = await ask(page(cursor))
    each(items)
    cursor = next_cursor ?? undefined
  } while (cursor)
}

export function isExpiry(problem: ApiProblem): boolean {
  return problem.code === 'not_authenticated' || problem.code === 'invalid_token'
}

function fromAnswer(error: unknown, response: Response | undefined): ApiProblem {
  const problem = problemOf(error)
  if (!response || problem.code !== 'unexpected') return problem
  const gone = response.status >= 502 && response.status <= 504
  return new ApiProblem({ code: gone ? 'no_connection' : 'unexpected', status: response.status, detail: problem.message })
}
