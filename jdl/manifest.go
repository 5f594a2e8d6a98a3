package jdl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Manifest is a job description as it was submitted: named values, and
// sections, which are manifests too, in the order in which they came. The items of a list are joined
// by ", ": a list and a text with commas are the same.
type Manifest struct {
	names   []string
	entries map[string]manifestEntry
}

type manifestEntry struct {
	value   string
	section *Manifest // not nil: a section, without a value
}

// Set gives an attribute a value. A new one comes last.
func (m *Manifest) Set(name, value string) { m.put(name, manifestEntry{value: value}) }

// Get returns an attribute's value; a section has none.
func (m *Manifest) Get(name string) (value string, ok bool) {
	entry, ok := m.entries[name]
	return entry.value, ok && entry.section == nil
}

// Has tells whether there is an attribute or a section of that name.
func (m *Manifest) Has(name string) bool {
	_, ok := m.entries[name]
	return ok
}

func (m *Manifest) put(name string, entry manifestEntry) {
	if m.entries == nil {
		m.entries = map[string]manifestEntry{}
	}
	if !m.Has(name) {
		m.names = append(m.names, name)
	}
	m.entries[name] = entry
}

// add puts what was read. A name with slashes leads through sections; where
// there are none of these names DIRAC forgets the attribute, and so do we.
func (m *Manifest) add(name string, entry manifestEntry) error {
	if strings.Contains(name, "/") {
		path := slices.DeleteFunc(strings.Split(name, "/"), func(s string) bool { return trim(s) == "" })
		if len(path) == 0 {
			return nil
		}
		for i, step := range path[:len(path)-1] {
			above, ok := m.entries[trim(step)]
			switch {
			case !ok || above.section == nil && i < len(path)-2:
				return nil
			case above.section == nil:
				return errors.New(short(step) + " is a value, not a section")
			}
			m = above.section
		}
		name = trim(path[len(path)-1])
	}
	if entry.section != nil && m.Has(name) {
		return errors.New(short(name) + " is there twice")
	}
	m.put(name, entry)
	return nil
}

// neverLists are written as one text, whatever commas they hold.
var neverLists = []string{"Arguments", "Executable", "StdOutput", "StdError"}

// JDL writes the manifest, lists and texts in quotes, numbers bare. One that would be longer than 64 MiB is an error.
func (m *Manifest) JDL() (string, error) {
	var b strings.Builder
	err := m.write(&b, 1)
	return b.String(), err
}

func (m *Manifest) write(b *strings.Builder, level int) error {
	const tab = "  "
	indent := strings.Repeat(tab, level)
	b.WriteString(indent[len(tab):] + "[\n")
	for _, name := range m.names {
		entry := m.entries[name]
		items := SplitList(entry.value)
		if err := hasRoom(b, len(name)+len(entry.value)+len(indent)+len(items)*len(indent+tab+`"",`)); err != nil {
			return err
		}
		switch {
		case entry.section != nil:
			b.WriteString(indent + name + " =\n")
			if err := entry.section.write(b, level+1); err != nil {
				return err
			}
			b.WriteString(";\n")
		case len(items) < 2 || slices.Contains(neverLists, name):
			b.WriteString(indent + name + " = " + quoted(entry.value) + ";\n")
		default:
			for i, item := range items {
				items[i] = indent + tab + quoted(item)
			}
			b.WriteString(indent + name + " =\n" + indent + "{\n" + strings.Join(items, ",\n") + "\n" + indent + "};\n")
		}
	}
	b.WriteString(indent[len(tab):] + "]")
	return nil
}

func quoted(value string) string {
	if isNumber(value) {
		return value
	}
	return `"` + value + `"`
}

// short makes hostile text fit for a message.
func short(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
