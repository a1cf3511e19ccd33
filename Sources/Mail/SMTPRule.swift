public import Octets

/// Every decision of the mail sessions: what is answered, why, and what the document says.
public enum SMTPRule: UInt8, ProtocolRule {
  // Said when all is well.
  case greet, closeOnQuit, helloExtended, helloPlain, acceptSender, acceptRecipient, startData
  case acceptMessage, reset, noOperation, help, verifyNothing
  // Refused: what the line says.
  case unknownCommand, lineTooLong, controlCharacter, bareLineEnd, eightBitCommand, notImplemented
  case badHello, badSender, badRecipient, badParameter, unknownParameter, duplicateParameter
  case unexpectedArgument, missingArgument, eightBitEnvelope, pathTooLong, badChunk
  // Refused: when it is said.
  case helloFirst, senderFirst, recipientFirst, nestedSender, chunkRefused
  // Refused: for whom it is, and how much.
  case foreignDomain, unknownMailbox, routedLocalPart, tooManyRecipients, sizeTooBig
  // Refused: what the message is.
  case messageTooBig, bareLineEndInMessage, textLineTooLong, mailLoop, messageRejected
  case headerTooLong, chunkTooBig
  case storeFull, storeFailed
  // The session ends.
  case earlyTalk, outOfTurn, otherProtocol, tooManyErrors, tooManyIdleCommands, timedOut
  case sessionTooLong, shuttingDown
  case tooManySessions, tooManyFromPeer
  // Only noted.
  case sourceRouteIgnored, lineFeedNormalized, swallowRest, cutOff
  // The client's side.
  case clientHello, clientFallsBack, clientGroup, clientMessage, clientQuit, clientGivesUp

  /// The document and section.
  public var source: String {
    switch self {
    case .greet: "RFC 5321 3.1"
    case .closeOnQuit: "RFC 5321 4.1.1.10"
    case .helloExtended, .helloPlain, .badHello: "RFC 5321 4.1.1.1"
    case .acceptSender, .badSender: "RFC 5321 4.1.1.2"
    case .acceptRecipient, .badRecipient: "RFC 5321 4.1.1.3"
    case .startData, .acceptMessage: "RFC 5321 4.1.1.4"
    case .reset: "RFC 5321 4.1.1.5"
    case .noOperation: "RFC 5321 4.1.1.9"
    case .help: "RFC 5321 4.1.1.8"
    case .verifyNothing: "RFC 5321 3.5.3"
    case .unknownCommand, .notImplemented: "RFC 5321 4.2.4"
    case .lineTooLong: "RFC 5321 4.5.3.1.4"
    case .controlCharacter, .eightBitCommand: "RFC 5321 2.4"
    case .bareLineEnd, .bareLineEndInMessage, .lineFeedNormalized: "RFC 5321 2.3.8"
    case .badParameter, .unexpectedArgument, .missingArgument: "RFC 5321 4.2.2"
    case .unknownParameter: "RFC 5321 4.1.1.11"
    case .duplicateParameter: "RFC 5321 4.1.2"
    case .eightBitEnvelope: "RFC 6531 3.2"
    case .pathTooLong: "RFC 5321 4.5.3.1"
    case .badChunk, .chunkRefused, .chunkTooBig: "RFC 3030 2"
    case .helloFirst, .senderFirst, .recipientFirst, .nestedSender: "RFC 5321 4.1.4"
    case .foreignDomain: "RFC 5321 3.6.2"
    case .unknownMailbox: "RFC 5321 3.3"
    case .routedLocalPart: "RFC 5321 appendix C"
    case .tooManyRecipients: "RFC 5321 4.5.3.1.10"
    case .sizeTooBig: "RFC 1870 6.1"
    case .messageTooBig: "RFC 1870 6.3"
    case .textLineTooLong: "RFC 5321 4.5.3.1.6"
    case .mailLoop: "RFC 5321 6.3"
    case .messageRejected: "RFC 5321 4.2.5"
    case .storeFull, .storeFailed: "RFC 5321 6.1"
    case .headerTooLong, .sessionTooLong: "RFC 5321 7.8"
    case .earlyTalk: "RFC 5321 4.3.1"
    case .outOfTurn: "RFC 2920 3.1"
    case .otherProtocol: "RFC 5321 7.8"
    case .tooManyErrors, .tooManyIdleCommands, .tooManyFromPeer: "RFC 5321 7.8"
    case .timedOut: "RFC 5321 4.5.3.2"
    case .shuttingDown, .tooManySessions: "RFC 5321 3.8"
    case .sourceRouteIgnored: "RFC 5321 appendix C"
    case .swallowRest, .cutOff: "RFC 5321 4.1.1.4"
    case .clientHello, .clientFallsBack: "RFC 5321 3.2"
    case .clientGroup: "RFC 2920 3.1"
    case .clientMessage: "RFC 5321 4.5.2"
    case .clientQuit: "RFC 5321 4.1.1.10"
    case .clientGivesUp: "RFC 5321 4.5.3.2"
    }
  }

  /// What following the rule does.
  public var effect: RuleEffect {
    switch self {
    case .acceptMessage, .acceptRecipient, .acceptSender: .accepts
    case .swallowRest, .cutOff, .mailLoop, .messageTooBig, .bareLineEndInMessage: .drops
    case .textLineTooLong, .messageRejected, .lineTooLong, .headerTooLong, .chunkRefused: .drops
    case .sourceRouteIgnored, .lineFeedNormalized, .clientGivesUp: .notes
    case .tooManyRecipients, .storeFull, .storeFailed: .delays
    default: .sends
    }
  }
}
