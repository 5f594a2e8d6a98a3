// Package jdl reads and writes job descriptions in JDL, the text form of Condor's ClassAds as DIRAC
// knows it:
//
//	[ Executable = "echo"; InputData = {"LFN:/lhcb/a", "LFN:/lhcb/b"}; CPUTime = 3600; ]
//
// DIRAC reads a submitted text twice, with two parsers that differ, and what it stores
// depends on both. So there are two types here:
//
//	[Manifest]  the first reading, which is strict and finds errors; [ParseManifest] reads it
//	[Ad]        the second reading, whose text is stored; [ParseAd] reads it
//
// On the way from a submission to a stored job a text takes these steps:
//
//  1. [Enclose] puts it in brackets.
//  2. [ParseAd] and [Ad.CountJobs] tell whether it is parametric; if so, [Ad.Expand] makes a text
//     for each job.
//  3. [ParseManifest] checks the text of a job, and the caller sets attributes that are missing.
//  4. [ParseAd] reads what [Manifest.JDL] writes; [Ad.JDL] gives the text that is stored.
//  5. [Compress] packs it for the database, from which [Decompress] reads it.
//
// Both parsers agree with DIRAC on every text that DIRAC can read, its oddities included: there are
// no comments (one becomes part of the next attribute's name), a quote can't be escaped, and a text
// with a comma is a list. Texts on which DIRAC would loop forever are [ErrEndless].
//
// No text makes this package panic, and reading and writing one takes time linear in its
// length. What an expansion may make of a text is bounded.
//
// # Files
//
//	manifest.go, manifest_parse.go  the submitted form
//	ad.go, ad_parse.go              the stored form
//	parametric.go                   one parametric ad becomes many jobs
//	parameter.go                    the values of one parameter: a list, or a computed sequence
//	number.go                       numbers as Python reads, computes and writes them
//	compress.go                     the packed form in the database
//	check*.go                       what was likely not meant in a submitted text
//	text.go                         brackets, blanks, messages
package jdl
