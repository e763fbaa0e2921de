// Package statuspage shows accounts to people: whether they work,
// what fails and what that means, and what is known of a phone. It is a package
// of its own so that HTML and the words for people stay out of package watch,
// of which it uses only what is exported. Its pages poll nothing, need no
// script, load nothing, and take no name of a phone for markup.
package statuspage

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"geelark_exporter/collector/watch"
)

var (
	//go:embed pages.html
	pages string
	//go:embed style.css
	style string
)

// A Link is one in the pages' head.
type Link struct {
	Path string // from the root, with a slash in front
	Text string
}

// Options are those of [New].
type Options struct {
	Watcher     *watch.Watcher
	Version     string // of the exporter
	MetricsPath string
	ConfigPath  string // of [Pages.Config], directly below the root
	Links       []Link // beside those to metrics and configuration
	// Setting returns how the user sets a field of the configuration file, "" for
	// as the file has it; nil: all of them.
	Setting func(field string) string
	// Reload returns how the last reading of the configuration went; nil: it is
	// never read again.
	Reload func() Reload
	// State returns whether the state can be written; nil: there is no state.
	State func() Unwritten
}

// A Reload is how the last reading of the configuration went.
type Reload struct {
	Err     error     // nil: it worked; it holds no secret
	At      time.Time // of the last one
	InForce time.Time // when what is in force was read
}

// Unwritten is a state directory that cannot be written.
type Unwritten struct {
	Directory string
	Err       error // nil: it can be
	Since     time.Time
}

// Pages are the handlers of the pages for people. They are for GET and HEAD; the
// caller sees to that.
type Pages struct {
	o        Options
	template *template.Template
	policy   string
}

// New returns the pages of what a watcher watches.
func New(o Options) (*Pages, error) {
	t, err := template.New("pages").Funcs(template.FuncMap{"count": count, "plural": plural, "word": word}).Parse(pages)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(style))
	return &Pages{o: o, template: t, policy: "default-src 'none'; " +
		"style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"}, nil
}

// Status returns the handler of the root.
func (p *Pages) Status() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.write(w, "/", "status", newStatus(p.o.Watcher, p.o.Setting, r.URL.Query()))
	})
}

// Config returns the handler of the page of the configuration in force, without
// secrets.
func (p *Pages) Config() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text, err := configYAML(p.o.Watcher.Configs())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		body := struct {
			Text    string
			InForce moment
		}{Text: text}
		if p.o.Reload != nil {
			body.InForce = momentAt(p.o.Reload().InForce, p.o.Watcher.Now())
		}
		p.write(w, p.o.ConfigPath, "config", body)
	})
}

// A frame is what all pages have.
type frame struct {
	Style   template.CSS
	Version string
	Here    string // the path of the page
	Links   []Link
	Reload  *reload       // nil: the last reading worked
	State   *stateTrouble // nil: there is none
	Body    any
}

// A reload is one that failed.
type reload struct {
	At, InForce moment
	Errors      []string
}

func (p *Pages) reload() *reload {
	if p.o.Reload == nil {
		return nil
	}
	r := p.o.Reload()
	if r.Err == nil {
		return nil
	}
	now := p.o.Watcher.Now()
	return &reload{momentAt(r.At, now), momentAt(r.InForce, now), strings.Split(strings.TrimSpace(r.Err.Error()), "\n")}
}

// A stateTrouble is that of a state directory.
type stateTrouble struct {
	Directory, Error string
	Since            moment
}

func (p *Pages) stateTrouble() *stateTrouble {
	if p.o.State == nil {
		return nil
	}
	u := p.o.State()
	if u.Err == nil {
		return nil
	}
	return &stateTrouble{u.Directory, u.Err.Error(), momentAt(u.Since, p.o.Watcher.Now())}
}

func (p *Pages) write(w http.ResponseWriter, path, name string, body any) {
	f := frame{
		Style: template.CSS(style), Version: p.o.Version, Here: "." + path, Reload: p.reload(), State: p.stateTrouble(), Body: body, //nolint:gosec // it is this package's own
		Links: append([]Link{{"/", "Status"}, {p.o.MetricsPath, "Metrics"}, {p.o.ConfigPath, "Configuration"}}, p.o.Links...),
	}
	// Relative addresses also work behind a proxy that serves this in a folder.
	for i := range f.Links {
		f.Links[i].Path = "." + f.Links[i].Path
	}
	var page bytes.Buffer
	if err := p.template.ExecuteTemplate(&page, name, f); err != nil {
		http.Error(w, fmt.Sprintf("The page cannot be made: %v", err), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	_, _ = page.WriteTo(w) // the client may be gone
}

// word is a state, or a label's value, as people say it.
func word(s string) string {
	switch s {
	case watch.StateFailed:
		return "lookup failed"
	case watch.StateOutdated:
		return "too old"
	case watch.StatePending:
		return "not looked up yet"
	}
	return strings.ReplaceAll(s, "_", " ")
}
