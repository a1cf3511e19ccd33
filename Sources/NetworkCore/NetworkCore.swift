// NetworkCore
