import Octets

/// Reads one command line. Source: RFC 5321 4.1.
struct CommandParser: ~Escapable {
  private let line: Span<UInt8>
  private var cursor: OctetCursor

  @_lifetime(copy line)
  init(_ line: Span<UInt8>) {
    self.line = line
    cursor = OctetCursor(line)
  }

  private func error(_ rule: SMTPRule) -> SMTPSyntaxError {
    SMTPSyntaxError(rule: rule, offset: cursor.index)
  }

  mutating func command() throws(SMTPSyntaxError) -> SMTPCommand {
    try refuseControlsAndEightBit()
    let verb = cursor.take(while: \.isLetter)
    guard cursor.isAtEnd || cursor.next == Octet.blank, verb.count == 4 else {
      throw error(isKeyword(verb, "STARTTLS") ? .notImplemented : .unknownCommand)
    }
    cursor.skipBlanks()
    switch Self.number(of: line.extracting(verb)) {
    case 0x45_48_4C_4F: return .extendedHello(try hello())  // EHLO
    case 0x48_45_4C_4F: return .hello(try hello())  // HELO
    case 0x4D_41_49_4C: return try mail()  // MAIL
    case 0x52_43_50_54: return try recipient()  // RCPT
    case 0x44_41_54_41: return try alone(.data)  // DATA
    case 0x52_53_45_54: return try alone(.reset)  // RSET
    case 0x51_55_49_54: return try alone(.quit)  // QUIT
    case 0x4E_4F_4F_50: return .noOperation  // NOOP
    case 0x48_45_4C_50: return .help  // HELP
    case 0x56_52_46_59: return try withArgument(.verify)  // VRFY
    case 0x45_58_50_4E: return try withArgument(.expand)  // EXPN
    case 0x42_44_41_54: return try chunk()  // BDAT
    // AUTH, ETRN, TURN, ATRN, SEND, SOML, SAML: known, and not offered.
    case 0x41_55_54_48, 0x45_54_52_4E, 0x54_55_52_4E, 0x41_54_52_4E, 0x53_45_4E_44, 0x53_4F_4D_4C,
      0x53_41_4D_4C:
      throw error(.notImplemented)
    default: throw error(.unknownCommand)
    }
  }

  /// The four letters of a verb, in upper case, as one number.
  private static func number(of verb: Span<UInt8>) -> UInt32 {
    var number: UInt32 = 0
    for index in verb.indices { number = number << 8 | UInt32(verb[index].uppercased) }
    return number
  }

  /// Controls and NUL are never valid in a command, octets above 127 only with SMTPUTF8.
  private mutating func refuseControlsAndEightBit() throws(SMTPSyntaxError) {
    var eightBit = false
    for index in line.indices {
      if line[index] > 127 { eightBit = true }
      // A tab is white space for the grammar's tolerance at the end; elsewhere it finds no match.
      if line[index].isControl && line[index] != Octet.tab {
        throw SMTPSyntaxError(rule: .controlCharacter, offset: index)
      }
    }
    guard eightBit else { return }
    let envelope = cursor.take(keyword: "MAIL ") || cursor.take(keyword: "RCPT ")
    throw error(envelope ? .eightBitEnvelope : .eightBitCommand)
  }

  /// A command without arguments; blanks at the end are tolerated. Source: RFC 5321 4.1.1.
  private func alone(_ command: SMTPCommand) throws(SMTPSyntaxError) -> SMTPCommand {
    guard cursor.isAtEnd else { throw error(.unexpectedArgument) }
    return command
  }

  private func withArgument(_ command: SMTPCommand) throws(SMTPSyntaxError) -> SMTPCommand {
    guard !cursor.isAtEnd else { throw error(.missingArgument) }
    return command
  }

  /// bdat-cmd = "BDAT" SP chunk-size [ SP "LAST" ]. Source: RFC 3030 2.
  private mutating func chunk() throws(SMTPSyntaxError) -> SMTPCommand {
    let digits = cursor.take(while: \.isDigit)
    guard !digits.isEmpty, let octets = number(digits), cursor.isAtEnd || cursor.next == Octet.blank
    else { throw error(.badChunk) }
    cursor.skipBlanks()
    if !cursor.isAtEnd { _ = cursor.take(keyword: "LAST") }
    cursor.skipBlanks()
    guard cursor.isAtEnd else { throw error(.badChunk) }
    return .chunk(octets: octets)
  }

  /// Domain or address-literal.
  ///
  /// Deviates from RFC 5321 4.1.2: an underscore is taken as a letter here, because many hosts
  /// have one in their name and nothing depends on it.
  private mutating func hello() throws(SMTPSyntaxError) -> SMTPHello {
    var parser = AddressParser(line.extracting(droppingFirst: cursor.index))
    let name: MailDomain
    do throws(MailAddressError) {
      if cursor.next == Octet.openBracket {
        name = try parser.domain()
      } else {
        name = .name(try parser.domainName(underscore: true))
      }
    } catch { throw self.error(.badHello) }
    cursor.index += parser.cursor.index
    cursor.skipBlanks()
    guard cursor.isAtEnd else { throw error(.badHello) }
    return SMTPHello(name: name)
  }

  private mutating func mail() throws(SMTPSyntaxError) -> SMTPCommand {
    // Deviates from RFC 5321 4.1.1.2: blanks behind the colon are taken, as others do.
    guard cursor.take(keyword: "FROM:") else { throw error(.badSender) }
    cursor.skipBlanks()
    var parser = AddressParser(line.extracting(droppingFirst: cursor.index))
    let path: ReversePath
    do throws(MailAddressError) {
      path = try parser.reversePath()
    } catch { throw refusal(error, otherwise: .badSender) }
    cursor.index += parser.cursor.index
    let parameters = try mailParameters()
    return .mail(path, parameters, sourceRoute: parser.sawSourceRoute)
  }

  private mutating func recipient() throws(SMTPSyntaxError) -> SMTPCommand {
    guard cursor.take(keyword: "TO:") else { throw error(.badRecipient) }
    cursor.skipBlanks()
    var parser = AddressParser(line.extracting(droppingFirst: cursor.index))
    let path: ForwardPath
    do throws(MailAddressError) {
      path = try parser.forwardPath()
    } catch { throw refusal(error, otherwise: .badRecipient) }
    cursor.index += parser.cursor.index
    guard try nextParameter(.badRecipient) == nil else { throw error(.unknownParameter) }
    return .recipient(path, sourceRoute: parser.sawSourceRoute)
  }

  private func refusal(_ cause: MailAddressError, otherwise: SMTPRule) -> SMTPSyntaxError {
    switch cause {
    case .localPartTooLong, .domainTooLong, .pathTooLong: error(.pathTooLong)
    case .syntax(let at), .eightBit(let at), .control(let at):
      SMTPSyntaxError(rule: otherwise, offset: cursor.index + at)
    }
  }

  private mutating func mailParameters() throws(SMTPSyntaxError) -> MailParameters {
    var parameters = MailParameters()
    while let (keyword, value) = try nextParameter(.badSender) {
      if isKeyword(keyword, "SIZE") {
        guard parameters.size == nil else { throw error(.duplicateParameter) }
        guard let value, let size = number(value) else { throw error(.badParameter) }
        parameters.size = size
      } else if isKeyword(keyword, "BODY") {
        guard parameters.body == nil else { throw error(.duplicateParameter) }
        guard let value else { throw error(.badParameter) }
        if isKeyword(value, "7BIT") {
          parameters.body = .sevenBit
        } else if isKeyword(value, "8BITMIME") {
          parameters.body = .eightBit
        } else {
          throw error(.badParameter)
        }
      } else {
        throw error(.unknownParameter)
      }
    }
    return parameters
  }

  /// esmtp-param = esmtp-keyword ["=" esmtp-value], with the blank before it; nil at the end.
  private mutating func nextParameter(
    _ otherwise: SMTPRule
  ) throws(SMTPSyntaxError) -> (keyword: Range<Int>, value: Range<Int>?)? {
    let start = cursor.index
    cursor.skipBlanks()
    if cursor.isAtEnd { return nil }
    guard cursor.index > start else { throw error(otherwise) }
    guard cursor.next?.isLetterOrDigit == true else { throw error(.badParameter) }
    let keyword = cursor.take { $0.isLetterOrDigit || $0 == Octet.dash }
    guard cursor.take(Octet.equals) else {
      guard cursor.isAtEnd || cursor.next == Octet.blank else { throw error(.badParameter) }
      return (keyword, nil)
    }
    let value = cursor.take { $0 >= 33 && $0 <= 126 && $0 != Octet.equals }
    guard !value.isEmpty, cursor.isAtEnd || cursor.next == Octet.blank else {
      throw error(.badParameter)
    }
    return (keyword, value)
  }

  private func isKeyword(_ range: Range<Int>, _ text: StaticString) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    var cursor = OctetCursor(line.extracting(range))
    return cursor.take(keyword: text)
  }

  /// size-value = 1*20DIGIT; nil also when it does not fit 63 bits. Source: RFC 1870 6.
  private func number(_ range: Range<Int>) -> Int? {
    guard range.count <= 20 else { return nil }
    var number = 0
    for index in range {
      guard line[index].isDigit else { return nil }
      let (product, overflow) = number.multipliedReportingOverflow(by: 10)
      let (sum, carried) = product.addingReportingOverflow(Int(line[index] - 48))
      guard !overflow, !carried else { return nil }
      number = sum
    }
    return number
  }
}
