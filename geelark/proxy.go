package geelark

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// CheckProxy returns an error when $HTTPS_PROXY or $HTTP_PROXY, or either in small
// letters, does not hold a proxy's address. Go's transport takes such a value for
// none, and requests would bypass the proxy. The error names the variable and
// does not show the value, which can hold a password.
//
// $NO_PROXY needs no check: it is a list of hosts.
func CheckProxy(getenv func(string) string) error {
	for _, v := range []struct{ name, scheme string }{
		{"HTTPS_PROXY", "https"}, {"https_proxy", "https"}, {"HTTP_PROXY", "http"}, {"http_proxy", "http"},
	} {
		value := getenv(v.name)
		if value == "" {
			continue
		}
		if !isProxy(value, v.scheme) {
			return fmt.Errorf("$%s is not a proxy's address: it must look like http://host:port or http://user:password@host:port, with %%XX for special characters in them", v.name)
		}
	}
	return nil
}

func isProxy(value, scheme string) bool {
	// What net/http makes of it, which takes an address that it cannot parse for
	// the name of a host, "http" for example, or for none. Errors are of CGI.
	proxy, _ := (&httpproxy.Config{HTTPProxy: value, HTTPSProxy: value}).ProxyFunc()(&url.URL{Scheme: scheme, Host: "api.example.com"})
	if strings.Contains(value, "://") {
		proxy, _ = url.Parse(value)
	}
	return proxy != nil && proxy.Hostname() != "" && slices.Contains([]string{"http", "https", "socks5", "socks5h"}, proxy.Scheme)
}
