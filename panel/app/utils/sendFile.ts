/** A file as the body of a request, with progress, and a problem of the Brain's where it refuses. */
export function sendFile(url: string, file: Blob, onProgress: (part: number) => void): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('PUT', url)
    request.setRequestHeader('Content-Type', 'application/octet-stream')
    request.responseType = 'json'
    request.upload.onprogress = event => event.lengthComputable && onProgress(event.loaded / event.total)
    request.onload = () => (request.status < 300 ? resolve(request.response) : reject(problemOf(request.response)))
    request.onerror = () => reject(new ApiProblem({ code: 'no_connection' }))
    request.send(file)
  })
}
