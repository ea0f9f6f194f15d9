/** What to pass instead of an address that cannot be listened on; `code` is the one of the system. */
export function listenHint({ host, port }: { readonly host: string; readonly port: number }, code: string | undefined): string {
  const place = host.includes(':') ? `[${host}]` : host
  if (code === 'EADDRINUSE') return `stop the program that uses the port, or pass --listen ${place}:${port === 65_535 ? 5000 : port + 1}`
  if (code === 'EACCES' && port < 1024) return `pass a port of at least 1024, as in --listen ${place}:5000, or grant CAP_NET_BIND_SERVICE`
  return `pass an address of this machine, as in --listen 127.0.0.1:${port}, or --listen :${port} for every address`
}
