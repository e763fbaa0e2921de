package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

const (
	firing   = "firing"
	resolved = "resolved"
)

// A notice is an alert as people are told of it.
type notice struct {
	alert, summary string
	labels         map[string]string // without alertname
}

// key tells alerts apart.
func key(alert string, labels map[string]string) string {
	l := maps.Clone(labels)
	delete(l, "alertname")
	return alert + fmt.Sprint(l)
}

// A receiver takes what Alertmanager sends to its webhook and its chat.
type receiver struct {
	url string

	mu      sync.Mutex
	history map[string][]string          // the statuses of each alert, in order, none twice in a row
	texts   map[string]map[string]string // the annotations that each alert had last
	chat    []string                     // messages
}

func newReceiver(c *chain) *receiver {
	r := &receiver{history: make(map[string][]string), texts: make(map[string]map[string]string)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /webhook", r.webhook)
	mux.HandleFunc("POST /chat", r.message)
	r.url = c.serve(mux)
	return r
}

func (r *receiver) webhook(w http.ResponseWriter, req *http.Request) {
	var body struct {
		Alerts []struct {
			Status              string
			Labels, Annotations map[string]string
		}
	}
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range body.Alerts {
		k := key(a.Labels["alertname"], a.Labels)
		if h := r.history[k]; len(h) == 0 || h[len(h)-1] != a.Status {
			r.history[k] = append(h, a.Status)
		}
		r.texts[k] = a.Annotations
	}
}

func (r *receiver) message(w http.ResponseWriter, req *http.Request) {
	var body struct {
		Attachments []struct{ Title, Text string }
	}
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range body.Attachments {
		r.chat = append(r.chat, a.Title+"\n"+a.Text+"\n")
	}
	fmt.Fprint(w, "ok")
}

// waitFor waits until the webhook and the chat are told of an alert.
func (r *receiver) waitFor(c *chain, status string, n notice) {
	c.Helper()
	c.eventually(func() string {
		r.mu.Lock()
		defer r.mu.Unlock()
		k := key(n.alert, n.labels)
		switch h := r.history[k]; {
		case len(h) == 0 || h[len(h)-1] != status:
			return fmt.Sprintf("%s has not come as %s; what came: %v", k, status, r.history)
		case status == firing && r.texts[k]["summary"] != n.summary:
			c.Fatalf("%s has the summary %q, want %q", k, r.texts[k]["summary"], n.summary)
		case !slices.ContainsFunc(r.chat, func(m string) bool {
			firingPart, resolvedPart, _ := strings.Cut(m, "Resolved")
			return strings.Contains(map[string]string{firing: firingPart, resolved: resolvedPart}[status], n.summary+"\n")
		}):
			return fmt.Sprintf("no %q as %s in the chat:\n%s", n.summary, status, strings.Join(r.chat, "\n"))
		}
		return ""
	})
}

// toldNothingElse fails unless each alert fired once and resolved once, and no
// other came.
func (r *receiver) toldNothingElse(c *chain, told []notice) {
	c.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range told {
		if k := key(n.alert, n.labels); len(r.history[k]) != 2 {
			c.Errorf("%s came as %v", k, r.history[k])
		}
	}
	if len(r.history) != len(told) {
		c.Errorf("%d alerts came, want %d: %v", len(r.history), len(told), r.history)
	}
}
