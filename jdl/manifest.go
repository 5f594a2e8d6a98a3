package jdl

import (
	"errors"
	"slices"
	"strings"
)

// Manifest is a job description as it was submitted, DIRAC's JobManifest: named values and
// sections, in the order in which they came. A section is a manifest itself. A list is kept
// as its items joined by ", ": it is the same as a text with commas. The zero Manifest is empty.
type Manifest struct {
	names   []string
	entries map[string]manifestEntry
}

type manifestEntry struct {
	value   string
	section *Manifest // if set, there is no value
}

// Set gives an attribute a value. A new attribute comes last.
func (m *Manifest) Set(name, value string) { m.put(name, manifestEntry{value: value}) }

// Get returns an attribute's value; ok is false if there is none of that name, or only a section.
func (m *Manifest) Get(name string) (value string, ok bool) {
	entry, ok := m.entries[name]
	return entry.value, ok && entry.section == nil
}

// Has reports whether there is an attribute or a section of that name.
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

// add puts what was read. A name with slashes is a path through sections; as DIRAC does, it forgets
// an attribute whose path leads nowhere. A section must be new.
func (m *Manifest) add(name string, entry manifestEntry) error {
	if strings.Contains(name, "/") {
		section, last, err := m.follow(name)
		if section == nil || err != nil {
			return err
		}
		m, name = section, last
	}
	if entry.section != nil && m.Has(name) {
		return errors.New(quoteShort(name) + " is there twice")
	}
	m.put(name, entry)
	return nil
}

// follow returns the section to which a path leads, nil if to none, and the last name of the path.
func (m *Manifest) follow(path string) (section *Manifest, last string, err error) {
	steps := slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return trim(s) == "" })
	if len(steps) == 0 {
		return nil, "", nil
	}
	end := len(steps) - 1
	for i, step := range steps[:end] {
		entry, ok := m.entries[trim(step)]
		switch {
		case !ok || entry.section == nil && i < end-1:
			return nil, "", nil
		case entry.section == nil:
			return nil, "", errors.New(quoteShort(step) + " is a value, not a section")
		}
		m = entry.section
	}
	return m, trim(steps[end]), nil
}

// neverLists are written as one text, whatever commas they hold.
var neverLists = []string{"Arguments", "Executable", "StdOutput", "StdError"}

// JDL returns the text of the manifest: lists in braces, texts in quotes, numbers bare. A text of
// more than 64 MiB is an error.
func (m *Manifest) JDL() (string, error) {
	var b strings.Builder
	err := m.write(&b, 1)
	return b.String(), err
}

const manifestIndent = "  "

func (m *Manifest) write(b *strings.Builder, level int) error {
	outer := strings.Repeat(manifestIndent, level-1)
	b.WriteString(outer + "[\n")
	for _, name := range m.names {
		if err := writeEntry(b, name, m.entries[name], level); err != nil {
			return err
		}
	}
	b.WriteString(outer + "]")
	return nil
}

func writeEntry(b *strings.Builder, name string, entry manifestEntry, level int) error {
	indent := strings.Repeat(manifestIndent, level)
	items := SplitList(entry.value)
	if err := checkRoom(b, len(name)+len(entry.value)+len(indent)+len(items)*len(indent+manifestIndent+`"",`)); err != nil {
		return err
	}
	b.WriteString(indent + name)
	switch {
	case entry.section != nil:
		b.WriteString(" =\n")
		if err := entry.section.write(b, level+1); err != nil {
			return err
		}
	case len(items) < 2 || slices.Contains(neverLists, name):
		b.WriteString(" = " + quoteText(entry.value))
	default:
		for i, item := range items {
			items[i] = indent + manifestIndent + quoteText(item)
		}
		b.WriteString(" =\n" + indent + "{\n" + strings.Join(items, ",\n") + "\n" + indent + "}")
	}
	b.WriteString(";\n")
	return nil
}

// quoteText puts a value in quotes unless it is a number.
func quoteText(value string) string {
	if isNumber(value) {
		return value
	}
	return `"` + value + `"`
}
