package geelarktest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// A Reply is what goes back over HTTP.
type Reply struct {
	Status int
	Header http.Header // without Content-Length, which follows from Body
	Body   []byte
	Cut    int // bytes at the end of Body that are announced and not sent
}

// Omit returns a rewriter that leaves fields out of an answer. A field is a
// path like "data.items.group.name": through a list it leads to each of its
// items, or to one if a number follows, counted from 0. What is not there is
// ignored, and so are answers that are no JSON object.
func Omit(fields ...string) func(*Reply) {
	return Edit(func(answer map[string]any) {
		for _, field := range fields {
			walk(answer, strings.Split(field, "."), func(object map[string]any, name string) { delete(object, name) })
		}
	})
}

// Set returns a rewriter that gives a field of an answer a value, as Omit
// names it: nil is null. The objects around the field must be there.
func Set(field string, value any) func(*Reply) {
	return Edit(func(answer map[string]any) {
		walk(answer, strings.Split(field, "."), func(object map[string]any, name string) { object[name] = value })
	})
}

// Edit returns a rewriter that lets edit change an answer's JSON, with numbers
// as json.Number.
func Edit(edit func(answer map[string]any)) func(*Reply) {
	return func(r *Reply) {
		var answer map[string]any
		decoder := json.NewDecoder(bytes.NewReader(r.Body))
		decoder.UseNumber()
		if decoder.Decode(&answer) != nil || answer == nil {
			return
		}
		edit(answer)
		if text, err := json.Marshal(answer); err == nil {
			r.Body = text
		}
	}
}

// walk calls found with each object that holds the last field of a path.
func walk(value any, path []string, found func(object map[string]any, name string)) {
	switch value := value.(type) {
	case map[string]any:
		if len(path) == 1 {
			found(value, path[0])
			return
		}
		walk(value[path[0]], path[1:], found)
	case []any:
		if i, err := strconv.Atoi(path[0]); err == nil && len(path) > 1 {
			if i >= 0 && i < len(value) {
				walk(value[i], path[1:], found)
			}
			return
		}
		for _, item := range value {
			walk(item, path, found)
		}
	}
}
