package geelarktest

import "net/http"

// A Site is several accounts at one address, told apart by their credentials
// as the vendor does. A request that is no account's goes to the first one,
// which refuses it. It must not be empty.
type Site []*Server

// ServeHTTP implements [http.Handler].
func (site Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	site.account(r.Header).ServeHTTP(w, r)
}

// RoundTripper returns a transport that serves every request in the process,
// as [Server.RoundTripper] does.
func (site Site) RoundTripper() http.RoundTripper { return siteTransport{site} }

type siteTransport struct{ site Site }

func (t siteTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.site.account(canonical(r.Header)).RoundTripper().RoundTrip(r)
}

func (site Site) account(header http.Header) *Server {
	for _, s := range site {
		if s.accepts(header) {
			return s
		}
	}
	return site[0]
}

func (s *Server) accepts(header http.Header) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.credentials.accept(header)
}
