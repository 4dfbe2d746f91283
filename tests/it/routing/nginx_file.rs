//! Reads an nginx file back into directives, by nginx's own rules for words.

/// A directive: its words, and what stands in its block when it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) words: Vec<String>,
    pub(super) block: Option<Vec<Self>>,
}

impl Directive {
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }
}

/// Reads a whole file; panics where nginx would refuse it.
pub(super) fn parse(text: &str) -> Vec<Directive> {
    let mut tokens = tokens(text).into_iter();
    let directives = block(&mut tokens, 0);
    assert!(tokens.next().is_none(), "a `}}` too many");
    directives
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    End,
    Open,
    Close,
}

fn block(tokens: &mut impl Iterator<Item = Token>, depth: usize) -> Vec<Directive> {
    let mut directives = Vec::new();
    let mut words = Vec::new();
    while let Some(token) = tokens.next() {
        match token {
            Token::Word(word) => words.push(word),
            Token::End => {
                assert!(!words.is_empty(), "a `;` without a directive");
                directives.push(Directive {
                    words: std::mem::take(&mut words),
                    block: None,
                });
            }
            Token::Open => directives.push(Directive {
                words: std::mem::take(&mut words),
                block: Some(block(tokens, depth + 1)),
            }),
            Token::Close => {
                assert!(words.is_empty() && depth > 0, "a `}}` after {words:?}");
                return directives;
            }
        }
    }
    assert!(words.is_empty() && depth == 0, "the file ends in {words:?}");
    directives
}

/// Words as `ngx_conf_read_token` reads them: a quote opens only at the start of a word, a backslash
/// takes the next character along, `#` is a comment only between words.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        match first {
            ' ' | '\t' | '\r' | '\n' => {}
            '#' => {
                rest.by_ref().find(|&next| next == '\n');
            }
            ';' => tokens.push(Token::End),
            '{' => tokens.push(Token::Open),
            '}' => tokens.push(Token::Close),
            '"' | '\'' => {
                let mut word = String::new();
                loop {
                    match rest.next().unwrap() {
                        '\\' => escape(&mut word, rest.next()),
                        next if next == first => break,
                        next => word.push(next),
                    }
                }
                let next = rest.peek().copied();
                assert!(
                    next.is_some_and(|next| " \t\r\n;{)".contains(next)),
                    "{next:?} after a quote"
                );
                tokens.push(Token::Word(word));
            }
            _ => {
                let mut word = String::new();
                if first == '\\' {
                    escape(&mut word, rest.next());
                } else {
                    word.push(first);
                }
                let mut before = first;
                while let Some(&next) = rest.peek() {
                    let opens_variable = before == '$' && next == '{';
                    if " \t\r\n;".contains(next) || (next == '{' && !opens_variable) {
                        break;
                    }
                    rest.next();
                    if next == '\\' {
                        escape(&mut word, rest.next());
                    } else {
                        word.push(next);
                    }
                    before = next;
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    tokens
}

fn escape(word: &mut String, next: Option<char>) {
    match next {
        Some(quote @ ('"' | '\'' | '\\')) => word.push(quote),
        Some('t') => word.push('\t'),
        Some('r') => word.push('\r'),
        Some('n') => word.push('\n'),
        Some(other) => word.extend(['\\', other]),
        None => panic!("a backslash at the end"),
    }
}

#[test]
fn reads_words_blocks_and_quotes() {
    let file = parse("a b;\n# c;\nd \"e;f\\\"}\" { g 'h {'; } i${j}k;");
    let words = |directive: &Directive| directive.words.join("|");
    assert_eq!(words(&file[0]), "a|b");
    assert_eq!(words(&file[1]), "d|e;f\"}");
    assert_eq!(words(&file[1].block.as_ref().unwrap()[0]), "g|h {");
    assert_eq!(words(&file[2]), "i${j}k");
}
