package collector

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
)

// validHost matches a name or an address, with or without a port. An IPv6 address
// stands in brackets (RFC 3986, section 3.2.2).
var validHost = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// DiscoveryHandler returns a handler that lists the accounts as targets, for
// Prometheus' HTTP service discovery. They are where the path of probes is found
// from outside; when no host is given, where the handler itself was asked.
func (c *Collector) DiscoveryHandler(probes *url.URL) http.Handler {
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, scheme := probes.Host, probes.Scheme
		if host == "" {
			host = r.Host
			if r.TLS != nil {
				scheme = "https"
			}
			if !validHost.MatchString(host) {
				http.Error(w, "The request's Host is no name or address with or without a port. Start the exporter with --web.external-url if a proxy changes it.", http.StatusBadRequest)
				return
			}
		}
		groups := []group{}
		for _, a := range c.watcher.Fleet().Accounts {
			labels := map[string]string{
				"__metrics_path__":       probes.Path,
				"__param_account":        a.Name(),
				"__meta_geelark_account": a.Name(),
			}
			if scheme != "" {
				labels["__scheme__"] = scheme
			}
			for name, value := range a.Config().Labels {
				labels["__meta_geelark_label_"+name] = value
			}
			groups = append(groups, group{Targets: []string{host}, Labels: labels})
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(groups) // the client may be gone
	})
}
