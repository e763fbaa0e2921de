package geelark

import (
	"strings"
	"testing"
)

func TestProxyVariablesAreCheckedWithoutShowingThem(t *testing.T) {
	for value, good := range map[string]bool{
		"":                            true,
		"http://proxy:3128":           true,
		"http://user:pass@proxy:3128": true,
		"http://user:p%40ss@proxy":    true,
		"https://proxy":               true,
		"socks5://proxy:1080":         true,
		"socks5h://u:p@proxy:1080":    true,
		"proxy:3128":                  true, // as net/http takes it
		"proxy":                       true,
		"http://[::1]:3128/":          true,

		"http://user:pa55%zz@host:1":  false,
		"user:pa55%zz@host:1":         false,
		"http://user:pa55@host:port":  false,
		"pa55%zz":                     false,
		"pa55 word":                   false,
		"http://":                     false,
		"http://:3128":                false,
		"http://user:pa55 word@host":  false,
		"ftp://user:pa55@host":        false,
		"://user:pa55@host":           false,
		"http://host:1\x7fpa55":       false,
		"http://user:pa55@ho st:3128": false,
	} {
		for _, variable := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
			err := CheckProxy(func(name string) string { return map[string]string{variable: value}[name] })
			if (err == nil) != good {
				t.Errorf("%s=%q: %v", variable, value, err)
			}
			if err != nil && (!strings.Contains(err.Error(), "$"+variable+" ") || strings.Contains(err.Error(), "pa55")) {
				t.Errorf("%s=%q: %v", variable, value, err)
			}
		}
	}
	if err := CheckProxy(func(name string) string { return map[string]string{"NO_PROXY": "%zz,*", "ALL_PROXY": "%zz"}[name] }); err != nil {
		t.Error(err) // net/http does not take them for addresses
	}
}
